//! Secrets by reference: named in the configuration, fetched when a connection is made, never printed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rightful_core::{Error, ErrorKind, Result, Secret};
use serde_json::Value as Json;

use super::document::{Leaf, Problem};

/// The longest a program may take that prints a secret.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest secret.
const LONGEST: usize = 64 * 1024;

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretReference {
    /// An environment variable.
    Env(String),
    /// A file; one line break at its end is not part of the secret.
    File(PathBuf),
    /// What a program prints, without the line break at its end.
    Command(Vec<String>),
}

impl SecretReference {
    /// The reference that the keys below a secret setting state; `None` where there is none.
    pub fn of(setting: &str, leaves: &[Leaf]) -> Option<std::result::Result<Self, Problem>> {
        let mine: Vec<&Leaf> = leaves
            .iter()
            .filter(|leaf| leaf.key == setting || leaf.key.strip_prefix(setting).is_some_and(|rest| rest.starts_with('.')))
            .collect();
        let first = mine.first()?;
        let wrong = |leaf: &Leaf, message: String| {
            Some(Err(Problem {
                line: Some(leaf.line),
                message,
                mend: format!("{setting} = {{ env = \"NAME\" }}, {{ file = \"PATH\" }} or {{ command = [\"PROGRAM\", \"ARGUMENT\"] }}"),
            }))
        };
        if mine.len() > 1 {
            return wrong(mine[1], format!("`{setting}` is given in two ways"));
        }
        let way = first.key.strip_prefix(setting).unwrap_or_default().trim_start_matches('.');
        match (way, &first.value) {
            ("env", Json::String(name)) if !name.is_empty() => Some(Ok(Self::Env(name.clone()))),
            ("file", Json::String(path)) if !path.is_empty() => Some(Ok(Self::File(PathBuf::from(path)))),
            ("command", Json::Array(words)) if !words.is_empty() && words.iter().all(Json::is_string) => {
                Some(Ok(Self::Command(words.iter().filter_map(Json::as_str).map(str::to_owned).collect())))
            }
            ("", Json::String(_)) => wrong(first, format!("`{setting}` is a secret and must not stand in the file")),
            ("env" | "file" | "command", _) => wrong(first, format!("`{}` is of the wrong form", first.key)),
            _ => wrong(first, format!("`{}` is no way to give a secret", first.key)),
        }
    }

    /// Where it comes from, for people.
    #[cfg(feature = "serve")]
    pub fn told(&self) -> String {
        match self {
            Self::Env(name) => format!("environment variable {name}"),
            Self::File(path) => format!("file {}", path.display()),
            Self::Command(words) => format!("printed by {}", words.first().map_or("a program", String::as_str)),
        }
    }

    /// Fetches the secret; paths are relative to `folder`.
    ///
    /// # Errors
    /// `Config` where it is not there or empty; the text names the reference, never the secret.
    pub async fn fetch(&self, folder: &Path) -> Result<Secret> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(text) if !text.is_empty() => Ok(Secret::new(text)),
                Ok(_) => Err(missing(format!("the environment variable {name} is empty"), format!("set it: export {name}=..."))),
                Err(std::env::VarError::NotPresent) => {
                    Err(missing(format!("the environment variable {name} is not set"), format!("set it: export {name}=...")))
                }
                Err(std::env::VarError::NotUnicode(_)) => {
                    Err(missing(format!("the environment variable {name} is not UTF-8 text"), "set it to plain text".to_owned()))
                }
            },
            Self::File(path) => {
                let path = folder.join(path);
                let shown = path.display().to_string();
                let bytes = tokio::fs::read(&path).await.map_err(|error| {
                    missing(format!("the secret's file {shown} cannot be read"), "create it, or correct the path".to_owned()).source(error)
                })?;
                one_line(bytes, &format!("the secret's file {shown}"))
            }
            Self::Command(words) => self.run(words, folder).await,
        }
    }

    async fn run(&self, words: &[String], folder: &Path) -> Result<Secret> {
        let program = &words[0];
        let failed = |what: String| missing(what, format!("run `{program}` by hand and look; it must print the secret and nothing else"));
        let running = tokio::process::Command::new(program)
            .args(&words[1..])
            .current_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
            .stdin(std::process::Stdio::null())
            .stderr(std::process::Stdio::inherit())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, running)
            .await
            .map_err(|_| failed(format!("the program `{program}` took longer than {} s to print a secret", PATIENCE.as_secs())))?
            .map_err(|error| failed(format!("the program `{program}` cannot be started")).source(error))?;
        if !output.status.success() {
            return Err(failed(format!("the program `{program}` that prints a secret ended with {}", output.status)));
        }
        one_line(output.stdout, &format!("what `{program}` printed"))
    }
}

fn missing(message: String, mend: String) -> Error {
    Error::new(ErrorKind::Config, message).hint(mend)
}

fn one_line(bytes: Vec<u8>, what: &str) -> Result<Secret> {
    if bytes.len() > LONGEST {
        return Err(missing(format!("{what} is longer than a secret can be"), "name what holds the secret and nothing else".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| missing(format!("{what} is not UTF-8 text"), "save it as plain text".to_owned()))?;
    let secret = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(&text);
    if secret.is_empty() {
        return Err(missing(format!("{what} is empty"), "put the secret there".to_owned()));
    }
    Ok(Secret::new(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(key: &str, value: Json) -> Leaf {
        Leaf { key: key.to_owned(), path: key.split('.').map(str::to_owned).collect(), line: 3, value, typed: None }
    }

    #[test]
    fn a_reference_is_one_of_three_ways_and_never_the_secret_itself() {
        let words = Json::from(vec!["pass", "show", "x"]);
        let table = [
            (vec![leaf("key.env", "A".into())], Some("Env(\"A\")")),
            (vec![leaf("key.file", "a/b".into())], Some("File(\"a/b\")")),
            (vec![leaf("key.command", words)], Some("Command([\"pass\", \"show\", \"x\"])")),
            (vec![leaf("key", "letmein".into())], Some("`key` is a secret and must not stand in the file")),
            (vec![leaf("key.enf", "A".into())], Some("`key.enf` is no way to give a secret")),
            (vec![leaf("key.env", 3.into())], Some("`key.env` is of the wrong form")),
            (vec![leaf("key.command", Json::Array(Vec::new()))], Some("`key.command` is of the wrong form")),
            (vec![leaf("key.env", "A".into()), leaf("key.file", "b".into())], Some("`key` is given in two ways")),
            (vec![leaf("keys", "A".into())], None),
        ];
        for (leaves, expected) in table {
            let told = SecretReference::of("key", &leaves).map(|found| match found {
                Ok(reference) => format!("{reference:?}"),
                Err(problem) => problem.message,
            });
            assert_eq!(told.as_deref(), expected, "{leaves:?}");
        }
    }

    #[tokio::test]
    async fn secrets_are_fetched_without_the_line_break_and_never_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one"), "s3cret with spaces \n").unwrap();
        let file = SecretReference::File("one".into()).fetch(folder.path()).await.unwrap();
        assert_eq!(file.expose(), "s3cret with spaces ");
        let command = SecretReference::Command(vec!["cat".into(), "one".into()]).fetch(folder.path()).await.unwrap();
        assert_eq!(command.expose(), "s3cret with spaces ");
        for (reference, told) in [
            (SecretReference::File("none".into()), "cannot be read"),
            (SecretReference::Command(vec!["false".into()]), "ended with exit status: 1"),
            (SecretReference::Command(vec!["no-such-program-here".into()]), "cannot be started"),
            (SecretReference::Env("RIGHTFUL_TEST_NOT_SET".into()), "RIGHTFUL_TEST_NOT_SET is not set"),
        ] {
            let error = reference.fetch(folder.path()).await.unwrap_err();
            assert!(error.to_string().contains(told) && error.mend().is_some(), "{error:?}");
        }
    }
}
