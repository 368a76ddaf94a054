"""What happened, for other tools: events as columns, traces for Perfetto, names of pcs."""
