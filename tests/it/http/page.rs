//! The page's own two programs, run by real Node.js and Python over TLS: the host and the token are
//! replaced, nothing else.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use facevault::http::TlsFiles;
use serde_json::{Value, json};

use super::Service;
use crate::data;

/// A server with a certificate made for the test, and the page's programs.
struct Page {
    service: Service,
    folder: tempfile::TempDir,
    javascript: String,
    python: String,
}

impl Page {
    fn new(test: &str) -> Option<Self> {
        let page = data::folder(test)?.join("seed-update-a-person.txt");
        let page = std::fs::read_to_string(page).expect("the page");
        let (rest, python) = page.split_once("import http.client").expect("the Python program");
        let (_, javascript) = rest.split_once("import axios").expect("the JavaScript program");
        let (python, _) = python.split_once("Response\n").expect("the Python program's end");
        let folder = tempfile::tempdir().expect("a folder");
        let tls = certificate(folder.path());
        Some(Self {
            service: Service::with(|options| options.tls = Some(tls)),
            javascript: format!("import axios{javascript}"),
            python: format!("import http.client{python}"),
            folder,
        })
    }

    /// The program with the host and the token replaced.
    fn program(&self, program: &str, token: &str) -> String {
        let host = self.service.url.trim_start_matches("https://").replace("127.0.0.1", "localhost");
        assert_eq!(program.matches("api.verifik.co").count(), 1);
        assert_eq!(program.matches("<your_token>").count(), 1);
        program.replace("api.verifik.co", &host).replace("<your_token>", token)
    }

    fn run(&self, mut command: Command, file: &str, program: &str) -> Output {
        let path = self.folder.path().join(file);
        std::fs::write(&path, program).expect("written");
        command.arg(&path).current_dir(self.folder.path());
        for name in ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
            command.env(name, self.folder.path().join("cert.pem"));
        }
        command.output().expect("a program that starts")
    }

    /// What the Python program printed.
    fn python(&self, token: &str) -> Value {
        let output = self.run(Command::new("python3"), "page.py", &self.program(&self.python, token));
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    /// What the JavaScript program printed on either of its outputs.
    fn javascript(&self, token: &str) -> String {
        let output = self.run(Command::new("node"), "page.mjs", &self.program(&self.javascript, token));
        assert!(output.status.success(), "{output:?}");
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
        out + &err
    }

    fn create(&self) {
        let body = json!({
            "_id": "person_123456789",
            "name": "John Doe",
            "images": [super::photo(1), super::photo(2)],
            "date_of_birth": "1990-01-15",
            "nationality": "US",
        });
        // The test's own client does not know the certificate: the vault is asked.
        let new = facevault::NewPerson::from_json(body.to_string().as_bytes()).expect("a person");
        self.service.vault.create_person(&new).expect("a person");
    }
}

/// A certificate for localhost, its own root.
pub(super) fn certificate(folder: &Path) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).expect("a certificate");
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).expect("written");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
    files
}

fn has(test: &str, program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: {test}: there is no {program}");
    }
    found
}

/// The names of the fields that the page's answer has.
const FIELDS: [&str; 13] = [
    "_id",
    "name",
    "gender",
    "date_of_birth",
    "nationality",
    "images",
    "collections",
    "notes",
    "client",
    "status",
    "faceEncodings",
    "createdAt",
    "updatedAt",
];

#[test]
fn the_python_program_runs_as_it_stands() {
    let test = "the_python_program_runs_as_it_stands";
    if !has(test, "python3") {
        return;
    }
    let Some(page) = Page::new(test) else { return };
    let token = page.service.token.clone();
    assert_eq!(page.python(&token), json!({"error": "Person not found", "message": "PERSON_NOT_FOUND"}));
    assert_eq!(page.python("<your_token>"), json!({"error": "Unauthorized", "message": "UNAUTHORIZED"}));

    page.create();
    let answer = page.python(&token);
    assert_eq!(answer["success"], true);
    let person = answer["data"].as_object().expect("a person");
    assert_eq!(person.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), FIELDS.into());
    assert_eq!((&person["name"], &person["gender"]), (&json!("John Doe Updated"), &json!("M")));
    assert_eq!(person["notes"], "Updated VIP customer");
    assert_eq!(person["date_of_birth"], json!({"year": 1990, "month": 1, "day": 15}));
    assert_eq!((person["images"].as_array().map(Vec::len), person["nationality"].as_str()), (Some(2), Some("US")));
    assert_eq!(page.python("<your_token>"), json!({"error": "Unauthorized", "message": "UNAUTHORIZED"}));
}

#[test]
fn the_javascript_program_runs_as_it_stands() {
    let test = "the_javascript_program_runs_as_it_stands";
    let Some(modules) = std::env::var_os("FACEVAULT_NODE_MODULES").map(PathBuf::from) else {
        eprintln!("skipped: {test}: FACEVAULT_NODE_MODULES names no folder into which axios was installed");
        return;
    };
    if !has(test, "node") {
        return;
    }
    let Some(page) = Page::new(test) else { return };
    #[cfg(unix)]
    std::os::unix::fs::symlink(modules.canonicalize().expect("a folder"), page.folder.path().join("node_modules"))
        .expect("linked");
    let token = page.service.token.clone();
    let said = page.javascript(&token);
    assert!(said.contains("status: 404") && said.contains("message: 'PERSON_NOT_FOUND'"), "{said}");
    assert!(said.contains("error: 'Person not found'"), "{said}");
    let said = page.javascript("<your_token>");
    assert!(said.contains("status: 401") && said.contains("message: 'UNAUTHORIZED'"), "{said}");

    page.create();
    let said = page.javascript(&token);
    assert!(said.contains("success: true"), "{said}");
    for field in FIELDS {
        assert!(said.contains(&format!(" {field}: ")), "{field}: {said}");
    }
    for value in ["name: 'John Doe Updated'", "gender: 'M'", "notes: 'Updated VIP customer'", "nationality: 'US'"] {
        assert!(said.contains(value), "{value}: {said}");
    }
}
