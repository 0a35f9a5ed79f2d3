//! The commands of docs/fleet.md, as they stand there.

use std::path::Path;
use std::process::Command;

use super::server::{Server, programs};
use crate::harness::Facevault;

#[test]
fn the_set_up_of_the_guide_works_as_it_stands() {
    let (Some(server), Some(programs)) = (Server::start(), programs()) else { return };
    let guide =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fleet.md")).expect("the guide");
    let blocks: Vec<&str> = guide.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 2, "one block for the server, one for a kiosk");
    let commands = blocks.concat();
    assert!(commands.starts_with("export HUB=hub.example\n"));
    // Only where the server is, and who its owner, is not as it stands.
    let commands = commands.replace("HUB=hub.example", "HUB=127.0.0.1");
    let test = Facevault::new();
    let script = test.write("guide.sh", format!("set -euo pipefail\n{commands}"));
    let built = Path::new(env!("CARGO_BIN_EXE_facevault")).parent().expect("a folder");
    let path = std::env::join_paths(
        [built, &programs]
            .into_iter()
            .map(Path::to_path_buf)
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .expect("a path");
    // On a kiosk nothing but its own password file would know a password.
    std::fs::write(test.path().join(".pgpass"), format!("127.0.0.1:{}:*:owner:secret\n", server.port()))
        .expect("written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(test.path().join(".pgpass"), private).expect("set");
    }
    let output = Command::new("bash")
        .arg(&script)
        .current_dir(test.path())
        .env("PATH", path)
        .env("HOME", test.path())
        .env("FACEVAULT_HOME", test.path().join("home"))
        .envs([("PGHOST", "127.0.0.1"), ("PGUSER", "owner"), ("PGPORT", &server.port().to_string())])
        .output()
        .expect("bash runs");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("sent 1 person") && said.contains(":lobby.vault"), "{said}\n{complained}");
}
