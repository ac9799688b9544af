"""Reading footage's own files, which somebody else may have made: stores, and what ATIF files say beyond ATIF."""
