"""Alerts: what is watched (`rules`), how it is judged, who is told, and the same for Prometheus."""
