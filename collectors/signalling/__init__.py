"""Signalling: what was seen on the network becomes registrations, calls and the hops of their ladders."""
