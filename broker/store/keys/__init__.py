"""Where the key of a store comes from: one file a source."""
