//! The man page says all that maglevc understands, and the package has it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use maglev_ctl::flags::Flags;
use maglev_ctl::grammar::{Kind, RULES};

use crate::support::kept::{is_kept, section};
use crate::support::scratch::Scratch;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn page() -> String {
    // Its words are not one argument but a language of their own, which is told below.
    let man =
        Man::new(Flags::command().mut_arg("words", |words| words.hide(true))).section("1").manual("maglevd");
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    let mut synopsis = Roff::default();
    synopsis.control("SH", ["SYNOPSIS"]);
    synopsis.text([bold("maglevc"), roman(" [FLAGS] [COMMAND]...")]);
    synopsis.to_writer(&mut page).unwrap();
    man.render_description_section(&mut page).unwrap();
    man.render_options_section(&mut page).unwrap();
    section("COMMANDS", RULES.iter().map(|rule| (rule.pattern, rule.about)), &mut page);
    let kinds: Vec<_> = Kind::ALL.iter().map(|(name, kind)| (format!("<{name}>"), kind.about())).collect();
    section("VALUES", kinds.iter().map(|(name, about)| (name.as_str(), *about)), &mut page);
    man.render_extra_section(&mut page).unwrap();
    let mut end = Roff::default();
    end.control("SH", ["SEE ALSO"]);
    end.text([bold("maglevd"), roman("(8), /usr/share/doc/maglevd/maglevc.md")]);
    end.to_writer(&mut page).unwrap();
    String::from_utf8(page).unwrap().replace("\n.SH EXTRA\n", "\n.SH \"ABBREVIATIONS AND EXIT CODES\"\n")
}

#[test]
fn the_man_page_is_what_flags_and_grammar_say() {
    is_kept(&root(), "packaging/man/maglevc.1", &page());
}

#[test]
fn the_package_has_program_page_and_completions() {
    if !["dpkg-deb", "dpkg-shlibdeps"].iter().all(|it| Path::new("/usr/bin").join(it).exists()) {
        assert!(std::env::var_os("CI").is_none(), "apt-get install dpkg-dev");
        // Past the harness, which keeps to itself what a test prints that passes.
        writeln!(std::io::stderr(), "NOT TESTED: the package of maglevc: apt-get install dpkg-dev").unwrap();
        return;
    }
    let scratch = Scratch::new();
    let folder = PathBuf::from(scratch.file("placeholder", "")).parent().unwrap().to_owned();
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let mut build = Command::new(root().join("packaging/deb/build"));
    let build = build.args(["maglevc", env!("CARGO_BIN_EXE_maglevc")]).arg(&folder);
    let deb = run(build.env("MAGLEV_DEB_COMPRESS", "none"));
    let list = run(Command::new("dpkg-deb").args(["--contents", deb.trim()]));
    for path in [
        "usr/bin/maglevc",
        "usr/share/man/man1/maglevc.1.gz",
        "usr/share/bash-completion/completions/maglevc",
        "usr/share/zsh/vendor-completions/_maglevc",
        "usr/share/fish/vendor_completions.d/maglevc.fish",
    ] {
        assert!(list.lines().any(|line| line.ends_with(&format!(" ./{path}"))), "{path} is missing:\n{list}");
    }
    let tree = folder.join("tree");
    run(Command::new("dpkg-deb").arg("--extract").arg(deb.trim()).arg(&tree));
    let version = run(Command::new(tree.join("usr/bin/maglevc")).arg("--version"));
    assert!(version.starts_with("maglevc "), "{version}");
}
