"""How fast this is, always beside a reference measured in turns with it: `vdt bench`."""
