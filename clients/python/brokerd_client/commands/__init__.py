"""Commands that need the client alone, so that containers have them too."""
