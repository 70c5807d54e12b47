"""Whether the ids of one context stay the same from its creation to its cleanup, and where not.

`kinds` has the words, `judge` the rules, `tracker` the memory; `report` tells what was seen, as
text, as JSON and as a page. Nothing here may know a server: parts of one report what they do, and
so can the parts of any other program.
"""
