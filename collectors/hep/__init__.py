"""HEP, the encapsulation in which probes and SIP servers report what they see."""
