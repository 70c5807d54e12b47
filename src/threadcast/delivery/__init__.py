"""From a unit of work to every screen: what is appended, and the cursors that read it."""
