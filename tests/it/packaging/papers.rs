//! The man page and the completions are what the command line says, and are kept in the tree.

use std::path::Path;
use std::process::Command;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};
use maglevd::cli::Cli;

use super::tools::has;
use crate::support::kept::{is_kept, section};

const FILES: &[(&str, &str)] = &[
    (
        "/etc/vpp-maglev/maglev.yaml",
        "The configuration. /usr/share/doc/maglevd/configuration.md has all of its keys.",
    ),
    ("/etc/default/maglevd", "Flags of the service, as variables."),
    ("/var/lib/vpp-maglev", "What operators chose at run time, over restarts of the service."),
    ("/run/vpp-maglev/maglevd.sock", "The API, for maglevc(1)."),
    ("/run/vpp/api.sock", "VPP."),
    ("/usr/share/doc/maglevd", "The handbook: begin with operating.md. Example configurations and alerts."),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const DESCRIPTION: &str = "maglevd probes backends over TCP, TLS, HTTP, HTTPS and ICMP, and keeps the tables of VPP's Maglev \
    load balancer as its configuration and the results want them. It forwards no packet: while it is stopped, VPP goes on \
    with its last table. Every flag has a variable, and the flag wins.";

fn told(title: &str, lines: &[&[Inline]], page: &mut Vec<u8>) {
    let mut roff = Roff::default();
    roff.control("SH", [title]);
    for line in lines {
        roff.text(line.to_vec());
        roff.control("br", []);
    }
    roff.to_writer(page).unwrap();
}

fn page() -> String {
    let command = Cli::command();
    let man = Man::new(command.clone()).section("8").manual("maglevd");
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    told(
        "SYNOPSIS",
        &[&[bold("maglevd"), roman(" [FLAGS]")], &[bold("maglevd demo"), roman(" [FLAGS]")]],
        &mut page,
    );
    told("DESCRIPTION", &[&[roman(DESCRIPTION)]], &mut page);
    man.render_options_section(&mut page).unwrap();
    for verb in command.get_subcommands() {
        let mut options = Vec::new();
        Man::new(verb.clone().disable_help_flag(true)).render_options_section(&mut options).unwrap();
        let about = verb.get_about().unwrap().to_string();
        section("COMMANDS", [(verb.get_name(), about.as_str())], &mut page);
        let options = String::from_utf8(options).unwrap();
        let head = format!(".SS \"Options of {}\"", verb.get_name());
        page.extend(options.replace(".SH OPTIONS", &head).into_bytes());
    }
    man.render_extra_section(&mut page).unwrap();
    section("FILES", FILES.iter().copied(), &mut page);
    told("SEE ALSO", &[&[bold("maglevc"), roman("(1), "), bold("systemctl"), roman("(1)")]], &mut page);
    String::from_utf8(page).unwrap().replace("\n.SH EXTRA\n", "\n.SH \"SIGNALS AND EXIT CODES\"\n")
}

#[test]
fn the_man_page_is_what_the_command_line_says() {
    is_kept(root(), "packaging/man/maglevd.8", &page());
}

#[test]
fn completions_are_what_the_command_line_says() {
    for (shell, ending) in [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")] {
        let mut script = Vec::new();
        generate(shell, &mut Cli::command(), "maglevd", &mut script);
        let path = format!("packaging/completions/maglevd.{ending}");
        is_kept(root(), &path, &String::from_utf8(script).unwrap());
    }
}

#[test]
fn man_pages_render_without_a_warning() {
    if !has("man", "man-db") || !has("groff", "groff-base") {
        return;
    }
    for page in ["packaging/man/maglevd.8", "packaging/man/maglevc.1"] {
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-l", "-Z", page]).current_dir(root());
        let output = man.env("MANROFFSEQ", "").output().unwrap();
        assert!(output.status.success(), "{page}: {}", output.status);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{page}");
        assert!(!output.stdout.is_empty(), "{page} is empty");
    }
}

#[test]
fn bash_takes_the_completions() {
    let script = "source packaging/completions/maglevd.bash; COMP_WORDS=(maglevd --ch); COMP_CWORD=1; _maglevd maglevd \
                  --ch maglevd; echo ${COMPREPLY[@]}";
    let output = Command::new("bash").args(["--norc", "-c", script]).current_dir(root()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "--check\n");
}
