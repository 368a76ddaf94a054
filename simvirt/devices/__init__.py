"""The devices of the board, one module each; see ``base`` for what a device is."""
