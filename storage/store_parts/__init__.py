"""What a store does with runs, by matter. References and questions come in; runs, and pens to write them, go out."""
