//! The whole daemon: the real loop, prober and client against real sockets, in this process and as the real binary.

mod command_line;
mod handbook;
mod process;
mod reload;
mod traffic;
