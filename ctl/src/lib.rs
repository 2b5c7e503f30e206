//! maglevc: the client of maglevd's API, for one command or for many at a prompt.
//!
//! [`grammar`] has all that can be said, and knows no daemon; [`command`] asks the daemon; [`view`] and [`render`] show the
//! answer. Nothing that a daemon says reaches the terminal without [`clean`].

pub mod clean;
pub mod command;
pub mod completion;
pub mod failure;
pub mod flags;
pub mod grammar;
pub mod names;
pub mod nearest;
pub mod pause;
pub mod prompt;
pub mod render;
pub mod session;
pub mod shell;
pub mod target;
pub mod top;
pub mod value;
pub mod view;
pub mod watch;

use std::ffi::OsString;

use failure::Exit;
use flags::Flags;
use session::Session;

/// Does what the arguments of the process say, without its name.
pub fn run(arguments: Vec<OsString>) -> Exit {
    if arguments.first().is_some_and(|first| first == shell::COMPLETE) {
        return shell::complete(&arguments[1..]);
    }
    let flags = match Flags::read(arguments.into_iter()) {
        Ok(flags) => flags,
        Err(text) if !text.use_stderr() => {
            // If stdout is closed, nobody wants to read it.
            let _ = text.print();
            return Exit::Done;
        }
        Err(err) => {
            render::complain(&flags::one_line(&err));
            return Exit::Usage;
        }
    };
    let session = match Session::new() {
        Ok(session) => session,
        Err(failure) => return told(&failure),
    };
    if flags.words.is_empty() {
        return prompt::run(&session, &flags);
    }
    match session.carry_out(&flags) {
        Ok(exit) => exit,
        Err(failure) => told(&failure),
    }
}

/// Says what went wrong, if anything needs to be said.
pub fn told(failure: &failure::Failure) -> Exit {
    if !failure.text.is_empty() {
        render::complain(&failure.to_string());
    }
    failure.exit
}
