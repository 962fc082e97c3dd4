//! What keeps the store and its secrets: `key`, `backup`, `restore`.

use std::path::Path;

use chrono::Utc;
use rightful_core::{Error, ErrorKind};
use rightful_engine::Authorship;
use rightful_store::{MasterKey, SqliteStore};
use serde_json::json;

use super::{Ended, Failure, author, head, kept_store};
use crate::cli::{Backup, Global, KeyVerb, NewKey, Restore};
use crate::config::SecretReference;
use crate::exit::Exit;
use crate::output;

fn by(named: Option<&str>, reason: &str) -> Result<Authorship, Failure> {
    Ok(Authorship { author: author(named)?, reason: reason.to_owned(), at: Utc::now() })
}

/// `rightful key`
pub async fn key(global: &Global, verb: KeyVerb) -> Ended {
    match verb {
        KeyVerb::New => {
            let key = MasterKey::generate()?;
            let id = MasterKey::parse(&key)?.id().to_owned();
            output::emit(global.json, &json!({ "key": key.expose(), "id": id }), || key.expose().to_owned())?;
            Ok(Exit::Done)
        }
        KeyVerb::Rotate { to, author } => rotate(global, &to, author.as_deref()).await,
        KeyVerb::Forget { force, author } => forget(global, force, author.as_deref()).await,
    }
}

async fn rotate(global: &Global, to: &NewKey, named: Option<&str>) -> Ended {
    if head(global)?.master_key.is_none() {
        return Err(Error::new(ErrorKind::Config, "no master key is configured, so there is none to change")
            .hint("name the present one: master_key = { env = \"RIGHTFUL_MASTER_KEY\" }")
            .into());
    }
    let (reference, spelled) = match (&to.to_env, &to.to_file) {
        (Some(name), _) => (SecretReference::Env(name.clone()), format!("{{ env = {} }}", json!(name))),
        (None, Some(path)) => {
            // As on any command line, a path begins where one stands; in the configuration it would begin beside that.
            let path = std::path::absolute(path).map_err(|error| output::io_error("the new key's file cannot be found", error))?;
            let spelled = format!("{{ file = {} }}", json!(path.display().to_string()));
            (SecretReference::File(path), spelled)
        }
        (None, None) => {
            let error = Error::new(ErrorKind::Config, "the new key is not named").hint("add --to-env NAME or --to-file PATH");
            return Err(Failure::Error(error, Exit::Usage));
        }
    };
    let placed = |error: Error| error.context("the new master key");
    let key = MasterKey::parse(&reference.fetch(Path::new("")).await.map_err(placed)?).map_err(placed)?;
    let id = key.id().to_owned();
    let rotated = kept_store(global).await?.rotate_master_key(key, &by(named, "")?).await?;
    output::emit(global.json, &json!({ "sealed_anew": rotated, "master_key": id }), || {
        let done = match rotated {
            0 => format!("Nothing is sealed under another key than {id}."),
            count => format!("Sealed {} anew, under master key {id}.", output::counted(count, "connection's key")),
        };
        format!("{done}\nNow say so in the configuration and start `rightful serve` again: master_key = {spelled}")
    })?;
    Ok(Exit::Done)
}

async fn forget(global: &Global, force: bool, named: Option<&str>) -> Ended {
    let store = kept_store(global).await?;
    if !force && let Err(error) = store.check_sealed().await {
        return Err(Error::new(ErrorKind::Conflict, format!("{error}; what is sealed so would be forgotten for good"))
            .hint("give that master key back, if it is to be had anywhere; if it is lost: --force")
            .into());
    }
    let forgotten = store.forget_unopenable(&by(named, "the master key is lost")?).await?;
    output::emit(global.json, &json!({ "forgotten": forgotten }), || {
        if forgotten.is_empty() {
            return "Everything that is sealed can be opened; nothing was forgotten.".to_owned();
        }
        format!("Forgot what was sealed for {}. Enter those secrets again: Connections, in the console.", forgotten.join(", "))
    })?;
    Ok(Exit::Done)
}

/// `rightful backup`
pub async fn backup(global: &Global, arguments: &Backup) -> Ended {
    kept_store(global).await?.backup(&arguments.file, arguments.force).await?;
    let shown = arguments.file.display().to_string();
    let bytes = std::fs::metadata(&arguments.file).map(|file| file.len()).unwrap_or_default();
    output::emit(global.json, &json!({ "written": shown, "bytes": bytes }), || {
        format!("wrote {shown} ({} KiB)\nThe master key is not in it: keep that elsewhere.", output::number(bytes.div_ceil(1024)))
    })?;
    Ok(Exit::Done)
}

/// `rightful restore`
pub async fn restore(global: &Global, arguments: &Restore) -> Ended {
    let store = head(global)?.store;
    let by = by(arguments.author.as_deref(), "")?;
    SqliteStore::restore(&arguments.file, &store, arguments.force, &by).await?;
    let (from, to) = (arguments.file.display().to_string(), store.display().to_string());
    output::emit(global.json, &json!({ "restored": to, "from": from }), || {
        format!("restored {to} from {from}\nThe next run reads both systems and plans from what stands there. Everybody signs in again.")
    })?;
    Ok(Exit::Done)
}
