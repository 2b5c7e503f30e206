//! What is packed and how it is run: papers, packages, the unit, and what the daemon tells systemd.

mod debs;
mod notify;
mod papers;
mod tools;
mod unit;
