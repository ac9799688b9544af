"""What the pages show. Runs and comparisons come in; what a template needs goes out."""
