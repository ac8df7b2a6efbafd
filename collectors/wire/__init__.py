"""The contract between edge and server: events, heartbeats, and how they become bytes. Pure."""
