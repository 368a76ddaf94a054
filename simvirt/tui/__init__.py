"""The stepping debugger: `engine` runs the simulation, `app` shows its snapshots."""
