"""The application shell: command line, simulator, evaluation."""
