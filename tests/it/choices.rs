//! What operators choose, over restarts: the file byte by byte, and the daemon with it.

mod daemon;
mod file;
