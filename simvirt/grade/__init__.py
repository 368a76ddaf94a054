"""The auto-grader: labs, checks on machine state and events, one process a submission."""
