"""What travels between client and server, and how strictly it is read.

`fields` defines every field once; `commands`, `connection_data` and the bodies of HTTP are made of
them; `json_input` and `json_problems` read text from strangers; `normalize` reads older events.
"""
