"""Voice quality: reports of terminals and relays, RTP itself, and the E-model where a report has no score."""
