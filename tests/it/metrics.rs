//! What the daemon tells over HTTP, asked as Prometheus and load balancers ask.

mod catalogue;
pub mod client;
mod counters;
mod outages;
// All of it is test code; the attribute lets clippy know.
#[cfg(test)]
mod prometheus;
#[cfg(test)]
mod scraper;
mod story;
