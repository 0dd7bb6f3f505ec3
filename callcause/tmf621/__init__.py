"""TMF621 Trouble Ticket Management, version 5 and version 4, over the tickets of callcause."""
