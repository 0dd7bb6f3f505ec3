"""One migration a step; a released one never changes."""
