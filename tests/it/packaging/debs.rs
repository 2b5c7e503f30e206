//! The package of the daemon, as `make deb` makes it, of the binary that these tests run. `ctl/tests` makes the client's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;

use super::tools::{has, run};
use crate::support::scratch::Scratch;
use crate::support::shelf;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The package, unpacked: what it installs in `tree`, what dpkg is told in `tree/DEBIAN`.
struct Package {
    _scratch: Scratch,
    deb: PathBuf,
    tree: PathBuf,
}

impl Package {
    /// `None` where there is nothing to make packages with, which has been said then.
    fn make() -> Option<Self> {
        if !has("dpkg-deb", "dpkg") || !has("dpkg-shlibdeps", "dpkg-dev") {
            return None;
        }
        let scratch = Scratch::new();
        let folder = PathBuf::from(scratch.file("placeholder", "")).parent().unwrap().to_owned();
        let mut build = Command::new(root().join("packaging/deb/build"));
        build.args(["maglevd", env!("CARGO_BIN_EXE_maglevd")]).arg(&folder);
        build.env("MAGLEV_DEB_COMPRESS", "none").env("MAGLEV_DEB_VERSION", "1.2.3-4");
        // Whatever the tree's last commit is.
        let deb = PathBuf::from(run(build.env("SOURCE_DATE_EPOCH", "1790000000")).trim());
        let tree = folder.join("tree");
        run(Command::new("dpkg-deb").arg("--raw-extract").args([&deb, &tree]));
        Some(Self { _scratch: scratch, deb, tree })
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.tree.join(path)).unwrap_or_else(|err| panic!("{path}: {err}"))
    }

    /// Mode, owner and name of everything.
    fn list(&self) -> String {
        let told = run(Command::new("dpkg-deb").arg("--contents").arg(&self.deb).env("LC_ALL", "C"));
        let lines = told.lines().map(|line| {
            let columns: Vec<_> = line.split_whitespace().collect();
            format!("{} {} {}\n", columns[0], columns[1], columns[5])
        });
        lines.filter(|line| !line.ends_with("/\n") || !line.starts_with("drwxr-xr-x root/root")).collect()
    }
}

#[test]
fn the_package_holds_what_the_host_needs() {
    let Some(package) = Package::make() else { return };
    shelf("packaging").bind(|| assert_snapshot!("maglevd-deb", package.list()));
    let control = package.text("DEBIAN/control");
    for line in ["Version: 1.2.3-4", "Package: maglevd", "Recommends: maglevc"] {
        assert!(control.lines().any(|it| it == line), "{line} is missing:\n{control}");
    }
    let depends = control.lines().find(|line| line.starts_with("Depends: ")).unwrap();
    assert!(
        depends.contains("adduser") && depends.contains("libc6 (>= ") && !depends.contains('@'),
        "{depends}"
    );
    assert!(!control.contains("\nDepends: vpp"), "maglevd waits for VPP, wherever that runs");
}

/// What an administrator edits, and what an upgrade must therefore ask about, is all of /etc.
#[test]
fn every_file_of_etc_is_a_conffile() {
    let Some(package) = Package::make() else { return };
    let list = package.list();
    let files = list.lines().filter(|line| line.starts_with('-')).filter_map(|line| line.split(" .").nth(1));
    let in_etc: Vec<_> = files.filter(|path| path.starts_with("/etc/")).collect();
    let conffiles = package.text("DEBIAN/conffiles");
    assert_eq!(in_etc, conffiles.lines().collect::<Vec<_>>());
}

#[test]
fn the_scripts_of_the_package_are_sound() {
    let scripts = ["postinst", "prerm", "postrm"].map(|name| root().join("packaging/deb/maglevd").join(name));
    for script in &scripts {
        run(Command::new("sh").arg("-n").arg(script));
    }
    if has("shellcheck", "shellcheck") {
        let others = [
            "packaging/deb/build",
            "packaging/deb/life",
            "packaging/deb/booted",
            "packaging/deb/root",
            "packaging/container",
            "packaging/tools",
        ]
        .map(|path| root().join(path));
        // Both scripts name what they source from the root of the tree.
        let mut shellcheck = Command::new("shellcheck");
        shellcheck.arg("--external-sources").args(scripts.iter().chain(&others)).current_dir(root());
        run(&mut shellcheck);
    }
}

/// Installing starts the daemon, so what is installed must be good, and must not touch what VPP holds already.
#[test]
fn the_configurations_that_are_shipped_are_good() {
    let Some(package) = Package::make() else { return };
    let binary = package.tree.join("usr/sbin/maglevd");
    for (path, verdict) in [
        ("etc/vpp-maglev/maglev.yaml", "good: 0 frontends and 0 backends"),
        ("usr/share/doc/maglevd/examples/maglev.yaml", "good: 1 frontend and 3 backends"),
    ] {
        let said =
            run(Command::new(&binary).env_clear().args(["--check", "--config"]).arg(package.tree.join(path)));
        assert!(said.ends_with(&format!("{verdict}\n")) && !said.contains("warning"), "{path}: {said}");
    }
    let shipped = package.text("etc/vpp-maglev/maglev.yaml");
    let options = maglevd::config::Options { vpp_in_use: true };
    let loaded = maglevd::config::parse(shipped.as_bytes(), "shipped", options).unwrap();
    assert_eq!(loaded.config.lb().strangers, maglev_core::config::Strangers::Keep);
}

/// Every line of the default file is a comment or a variable, and those that are commented out are real ones.
#[test]
fn the_default_file_names_variables_that_exist() {
    let Some(package) = Package::make() else { return };
    let help = run(Command::new(package.tree.join("usr/sbin/maglevd")).arg("--help"));
    let default = package.text("etc/default/maglevd");
    let named: Vec<_> =
        default.lines().filter_map(|line| line.trim_start_matches('#').split_once('=')).collect();
    assert!(named.len() >= 5, "{named:?}");
    for (name, _) in named {
        assert!(help.contains(&format!("[env: {name}=")), "{name} is no variable of maglevd");
    }
}

/// Who rebuilds a release gets the same bytes, and can so tell that nobody slipped anything in.
#[test]
fn the_same_tree_makes_the_same_package() {
    let (Some(one), Some(other)) = (Package::make(), Package::make()) else { return };
    assert!(fs::read(one.deb).unwrap() == fs::read(other.deb).unwrap());
}
