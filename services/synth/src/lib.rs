//! Realistic synthetic activity, the same for the same seed. Depends on `proto`.
