"""What travels between client and server, and how strictly it is read.

`fields` defines every field once; `commands`, `connection_data` and the HTTP bodies are made of
them; `json_input` and `json_problems` decode untrusted text; `normalize` reads older events.
"""
