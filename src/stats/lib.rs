//! Pure mathematics of simulation output.
