//! `facevault hub` and `facevault sync`, as people and programs use them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::Fleet;
use crate::harness::Facevault;

#[test]
fn a_kiosk_is_set_up_follows_and_is_shut_out() {
    let Some(fleet) = Fleet::new() else { return };
    let test = Facevault::with_ada();
    let owner = fleet.address();
    let again = test.run(["hub", "init", &owner, "--json"]).ok().json();
    assert_eq!(again["data"]["isNew"], false);
    assert!(!again.to_string().contains("secret"), "{again}");
    let user = format!("{}_lobby", fleet.database);
    let made = test.run(["hub", "add-kiosk", &owner, &user, "--json"]).ok().json();
    let password = made["data"]["password"].as_str().expect("a password").to_owned();
    // The kiosk finds its password in the file for passwords.
    let port = fleet.server.port();
    let line = format!("127.0.0.1:{port}:{}:{user}:{password}\n", fleet.database);
    let file = test.write("pgpass", line);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("set");
    }
    let test = test.with("PGPASSFILE", &file);
    let address = format!("postgres://{user}@127.0.0.1:{port}/{}", fleet.database);
    let run = test.run(["sync", "v", &address]).ok();
    assert!(run.stdout.contains("sent 1 person, told 0 removals; took 0 people new, 0 people changed"), "{run:#?}");
    test.run(["init", "w"]).ok();
    let taken = test.run(["sync", "w", &address, "--json"]).ok().json();
    assert_eq!((&taken["data"]["added"], &taken["data"]["place"]), (&1.into(), &taken["data"]["place"]));
    assert_eq!(test.run(["person", "show", "w", "ada", "--json"]).ok().json()["data"]["name"], "Ada Lovelace");

    // Both change the notes; whoever comes second is told what was not kept.
    test.run(["person", "update", "v", "ada", "--notes", "from v"]).ok();
    test.run(["person", "update", "w", "ada", "--notes", "from w"]).ok();
    test.run(["sync", "v", &address]).ok();
    let told = test.run(["sync", "w", &address]).ok().stdout;
    assert!(told.contains("notes of ada was changed elsewhere too: kept \"from v\", not \"from w\""), "{told}");
    let history = test.run(["hub", "history", &address, "ada", "--json"]).ok().json();
    assert_eq!(history["data"][0]["lost"], "from w");
    test.run(["hub", "history", &address, "bob"]).fails(2, "no person bob in the hub");
    let status = test.run(["hub", "status", &owner, "--json"]).ok().json();
    assert_eq!((&status["data"]["persons"], status["data"]["kiosks"].as_array().map(Vec::len)), (&1.into(), Some(2)));
    let shown = test.run(["hub", "status", &owner]).ok().stdout;
    assert!(shown.contains(":v") && shown.contains("BEHIND") && !shown.contains("secret"), "{shown}");

    // A removal has a receipt where an audit trail is kept.
    test.run(["audit", "policy", "w", "--scope", "changes"]).ok();
    test.run(["person", "remove", "v", "ada", "--yes"]).ok();
    test.run(["sync", "v", &address]).ok();
    let told = test.run(["sync", "w", &address]).ok().stdout;
    assert!(told.contains("removed ada, as elsewhere, receipt "), "{told}");

    test.run(["hub", "revoke-kiosk", &owner, &user]).ok();
    test.run(["sync", "v", &address]).fails(2, "refuses this user or password");
    test.run(["sync", "v", "people.vault"]).fails(2, "begins with postgres://");
}

#[test]
fn a_vault_that_watches_takes_what_comes_waits_for_the_hub_and_ends_tidily() {
    let Some(fleet) = Fleet::new() else { return };
    let test = Facevault::with_ada();
    let address = fleet.address();
    test.run(["init", "w"]).ok();
    let mut child = test
        .command(["sync", "w", &address, "--watch", "1", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    test.run(["sync", "v", &address]).ok();
    let line: serde_json::Value = serde_json::from_str(&lines.next().expect("a line").expect("a line")).expect("JSON");
    assert_eq!(line["added"], 1);
    // The hub is away: nobody but this database's owner may come.
    let end = format!(
        "ALTER DATABASE {0} ALLOW_CONNECTIONS false; SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = '{0}'",
        fleet.database
    );
    for statement in end.split(';') {
        fleet.server.run("postgres", statement);
    }
    let mut noticed = BufReader::new(child.stderr.take().expect("piped")).lines();
    let notice = noticed.next().expect("a notice").expect("a notice");
    assert!(notice.contains("trying again"), "{notice}");
    fleet.server.run("postgres", &format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", fleet.database));
    let mut change = |notes: &str| {
        test.run(["person", "update", "v", "ada", "--notes", notes]).ok();
        test.run(["sync", "v", &address]).ok();
        let line = lines.next().expect("a line").expect("a line");
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(line["changed"], 1);
    };
    change("again");
    // The hub is being put back from a backup: there is no such database for a while.
    let rename = |from: &str, to: &str| fleet.server.run("postgres", &format!("ALTER DATABASE {from} RENAME TO {to}"));
    let (there, gone) = (fleet.database.as_str(), format!("{}_gone", fleet.database));
    fleet.server.run("postgres", &format!("ALTER DATABASE {there} ALLOW_CONNECTIONS false"));
    fleet
        .server
        .run("postgres", &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{there}'"));
    rename(there, &gone);
    let absent = noticed.by_ref().map_while(Result::ok).find(|line| line.contains("no database of this name"));
    assert!(absent.is_some_and(|notice| notice.contains("trying again")));
    rename(&gone, there);
    fleet.server.run("postgres", &format!("ALTER DATABASE {there} ALLOW_CONNECTIONS true"));
    change("once more");
    #[cfg(unix)]
    {
        let asked = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(asked.expect("asked").success());
        assert!(child.wait().expect("ended").success());
    }
    let _ = child.kill();
    test.run(["check", "w"]).ok();
}
