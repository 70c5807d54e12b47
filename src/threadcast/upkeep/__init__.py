"""What a node does beside requests and runs: its lease, and what is cleaned up or watched."""
