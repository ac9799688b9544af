"""The gate of a desktop's display: what another process does to it passes here, and input is held until it was seen."""
