//! Flags, the same before a command, behind it, and at the prompt.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// How answers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs: every field of the API, with stable names.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Looks at maglevd and changes what it does: in one command, or at a prompt if there is none.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "maglevc", version, override_usage = "maglevc [FLAGS] [COMMAND]...")]
#[command(
    after_help = "`maglevc help` lists all commands; any beginning of a word will do that fits no other.\n\
    Exit codes: 0 done, 1 failed, 2 configuration that breaks rules, 3 no such object, 4 not now, 5 not allowed, \
    6 no daemon, 64 wrong command."
)]
pub struct Flags {
    /// How answers are written.
    #[arg(short, long, env = "MAGLEVC_OUTPUT", value_name = "FORMAT", value_enum)]
    pub output: Option<Output>,
    /// Where the daemon's API is: a Unix socket's path, or HOST:PORT. Not given: the daemon's usual socket, or else
    /// 127.0.0.1:9090.
    #[arg(short, long, env = "MAGLEVC_CONNECT", value_name = "ADDRESS")]
    pub connect: Option<String>,
    /// Who vouches for the daemon, in PEM: HOST:PORT is spoken to with TLS.
    #[arg(long, env = "MAGLEVC_TLS_CA", value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// Your certificate, in PEM.
    #[arg(long, env = "MAGLEVC_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Its key, in PEM.
    #[arg(long, env = "MAGLEVC_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Why, for the audit of a change.
    #[arg(short, long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Let `config reload` take a configuration without frontends: all VIPs go.
    #[arg(long)]
    pub force: bool,
    /// What to do.
    #[arg(value_name = "COMMAND")]
    pub words: Vec<String>,
}

/// Flags that take a value, as somebody may write them.
const WITH_VALUE: [&str; 9] =
    ["-o", "--output", "-c", "--connect", "--tls-ca", "--tls-cert", "--tls-key", "-w", "--why"];

impl Flags {
    /// Reads the arguments of the process, without its name.
    ///
    /// # Errors
    /// They are wrong, or ask for a text (`--help`, `--version`) that clap's error carries.
    pub fn read(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let name = OsString::from("maglevc");
        Self::try_parse_from(std::iter::once(name).chain(arguments))
    }

    /// Reads a line of the prompt: what it does not say is as the prompt was started.
    ///
    /// # Errors
    /// As for `read`.
    pub fn read_line(&self, words: &[String]) -> Result<Self, clap::Error> {
        let line = Self::read(words.iter().map(OsString::from))?;
        let (output, connect) = (line.output.or(self.output), line.connect.or_else(|| self.connect.clone()));
        let file = |own: Option<PathBuf>, started: &Option<PathBuf>| own.or_else(|| started.clone());
        Ok(Self {
            output,
            connect,
            tls_ca: file(line.tls_ca, &self.tls_ca),
            tls_cert: file(line.tls_cert, &self.tls_cert),
            tls_key: file(line.tls_key, &self.tls_key),
            why: line.why.or_else(|| self.why.clone()),
            force: line.force,
            words: line.words,
        })
    }
}

/// The words of an unfinished line without its flags; `None` if the next word is a flag's value.
pub fn without(words: &[String]) -> Option<Vec<String>> {
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(&word.as_str()) {
            words.next()?;
        } else if !(word.starts_with('-') && word.len() > 1) {
            kept.push(word.clone());
        }
    }
    Some(kept)
}

/// clap's error in one line.
pub fn one_line(err: &clap::Error) -> String {
    let text = err.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let what = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let tip = lines.find_map(|line| line.strip_prefix("tip: "));
    let tip = tip.map_or_else(|| "maglevc --help lists the flags".to_owned(), str::to_owned);
    crate::clean::text(&format!("{what}; {tip}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(Into::into).collect()
    }

    #[test]
    fn flags_may_stand_anywhere() {
        let flags = Flags::read(words("show -o json backends -c /run/x").iter().map(OsString::from)).unwrap();
        assert_eq!((flags.output, flags.words), (Some(Output::Json), words("show backends")));
        assert_eq!(flags.connect.as_deref(), Some("/run/x"));
        let started = Flags { output: Some(Output::Yaml), ..Flags::default() };
        assert_eq!(started.read_line(&words("top")).unwrap().output, Some(Output::Yaml));
        assert_eq!(started.read_line(&words("top -o table")).unwrap().output, Some(Output::Table));
    }

    #[test]
    fn an_unfinished_line_is_read_without_its_flags() {
        assert_eq!(without(&words("-o json show --force backend -")), Some(words("show backend -")));
        assert_eq!(without(&words("show -o")), None);
    }

    #[test]
    fn wrong_flags_are_told_in_one_line() {
        let told = |line: &str| {
            one_line(&Flags::read(words(line).iter().map(OsString::from)).expect_err("it is wrong"))
        };
        assert_eq!(
            told("--ouput json"),
            "unexpected argument '--ouput' found; a similar argument exists: '--output'"
        );
        assert_eq!(told("-o xml").lines().count(), 1);
    }
}
