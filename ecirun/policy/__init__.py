"""What ECI allows: rules as data (`data/*.toml`), and one small module per check."""
