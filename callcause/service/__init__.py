"""The live service: collects on a schedule, takes tickets and alerts in, diagnoses them, answers."""
