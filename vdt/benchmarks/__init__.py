"""Speed, memory and quality of this library, each compared with a reference timed in turns with it: `vdt bench`."""
