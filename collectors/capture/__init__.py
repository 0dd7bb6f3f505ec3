"""Captures: packets decoded by tshark become the messages of the same assembly as any other tap."""
