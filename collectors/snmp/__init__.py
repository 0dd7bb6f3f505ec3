"""SNMP: agents polled by profiles, traps and informs taken as alarms."""
