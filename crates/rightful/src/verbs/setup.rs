//! Verbs around the configuration: `init`, `check`, `schema`, `completions`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use clap::CommandFactory as _;
use rightful_core::{Clock, Descriptor, Error, ErrorKind, MemorySlot, Permits, Slot, SystemClock};
use rightful_engine::Layout;
use rightful_store::MasterKey;
use serde_json::json;

use super::{Ended, Failure};
use crate::cli::{Cli, Global, Init};
use crate::compose::{Transports, connect, context, existing, secrets, slot};
use crate::config::{ConfigFile, Filled, Unusable, schema as config_schema, template};
use crate::exit::Exit;
use crate::output;
use crate::registry::connectors;

/// `rightful init`
pub fn init(global: &Global, arguments: &Init) -> Ended {
    let path = arguments.path.as_deref().unwrap_or(&global.config);
    let descriptors: Vec<&Descriptor> = connectors().collect();
    write_new(path, &template(&descriptors, &Filled::default()), arguments.force)?;
    let shown = path.display().to_string();
    output::emit(global.json, &json!({ "written": shown }), || {
        format!("wrote {shown}\nFill in your accounts, set the environment variables it names, then: rightful check && rightful preflight")
    })?;
    Ok(Exit::Done)
}

/// Writes a file that must not be there yet, whole or not at all.
pub fn write_new(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| output::io_error(&format!("{shown} cannot be written"), error);
    if !force && path.exists() {
        return Err(Error::new(ErrorKind::Conflict, format!("{shown} is there already"))
            .hint("name another file, or replace it with --force")
            .into());
    }
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let moved = written.and_then(|()| std::fs::rename(&beside, path));
    if moved.is_err() {
        // Only the unfinished copy goes; where that fails too, the error below says enough.
        let _ = std::fs::remove_file(&beside);
    }
    Ok(moved.map_err(failed)?)
}

/// `rightful check`
pub async fn check(global: &Global) -> Ended {
    let file = ConfigFile::read(&global.config)?;
    // Connections that were entered in the console are judged too; a store that is not there yet has none, and is not made.
    let (config, store) = match file.head() {
        Ok(head) => existing(&file, &head).await?.map_or_else(|| Ok((file.judged()?, None)), |(config, store)| Ok((config, Some(store)))),
        Err(head) => Err(file.judged().err().unwrap_or(head)),
    }?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut failures = Vec::new();
    if let Some(reference) = &config.master_key {
        let fetched = reference.fetch(config.folder()).await.and_then(|text| MasterKey::parse(&text));
        failures.extend(fetched.err().map(|error| error.context("`master_key`")));
    }
    if let Some(store) = store.as_ref().filter(|_| failures.is_empty()) {
        failures.extend(store.check_sealed().await.err());
    }
    for (key, reference) in config.alarms.secrets() {
        failures.extend(reference.fetch(config.folder()).await.err().map(|error| error.context(format!("`alarms.{key}`"))));
    }
    let (mut connected, transports) = (Vec::new(), Transports::default());
    let store = store.map(Arc::new);
    for connection in config.connections.values() {
        let made = async {
            let secrets = secrets(connection, config.folder(), store.as_deref()).await?;
            let slot =
                store.as_ref().map_or_else(|| Arc::new(MemorySlot::default()) as Arc<dyn Slot>, |store| slot(store, &connection.name));
            let context = context(connection, &clock, Arc::new(Permits::new(clock.clone())), slot, &transports)?;
            connect(connection, &secrets, context).await
        };
        match made.await {
            Ok(connector) => connected.push((connection.name.clone(), connector)),
            Err(error) => failures.push(error),
        }
    }
    let connector = |name| connected.iter().find(|(known, _)| known == name).map(|(_, connector)| connector);
    for integration in config.integrations.values() {
        let policy = &integration.policy;
        if let (Some(source), Some(target)) = (connector(&policy.source.connection), connector(&policy.target.connection))
            && let Err(error) = Layout::over(&**source, &**target, policy)
        {
            failures.push(error.context(format!("integration `{}`", integration.name)));
        }
    }
    let summary = json!({
        "file": config.file.display().to_string(),
        "store": config.store.display().to_string(),
        "connections": config.connections.values().map(|one| json!({ "name": one.name, "vendor": one.descriptor.id })).collect::<Vec<_>>(),
        "integrations": config.integrations.keys().collect::<Vec<_>>(),
        "problems": failures.iter().map(output::error_json).collect::<Vec<_>>(),
    });
    output::emit(global.json, &summary, || {
        let mut text = String::new();
        for failure in &failures {
            let _ = writeln!(text, "{}", output::told(failure));
        }
        let counted = |count: usize, what: &str| output::counted(count as u64, what);
        if failures.is_empty() {
            let _ = write!(
                text,
                "{}: {} and {}, all sound\nNext: rightful preflight",
                config.file.display(),
                counted(config.connections.len(), "connection"),
                counted(config.integrations.len(), "integration")
            );
        } else {
            let _ = write!(text, "{}: {}", config.file.display(), counted(failures.len(), "problem"));
        }
        text
    })?;
    Ok(if failures.is_empty() { Exit::Done } else { Exit::Error })
}

/// What is wrong with a configuration, in sentences.
pub fn problems_told(unusable: &Unusable) -> String {
    let mut text = String::new();
    for problem in &unusable.problems {
        let place = problem.line.map_or_else(String::new, |line| format!(":{line}"));
        let _ = writeln!(text, "error: {}{place}: {}\n  mend: {}", unusable.file.display(), problem.message, problem.mend);
    }
    text
}

/// `rightful schema`
pub fn schema() -> Ended {
    let descriptors: Vec<&Descriptor> = connectors().collect();
    output::data(&output::pretty(&config_schema(&descriptors)))?;
    Ok(Exit::Done)
}

/// `rightful completions`
pub fn completions(global: &Global, shell: clap_complete::Shell) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rightful", &mut script);
    let script = String::from_utf8_lossy(&script);
    output::emit(global.json, &json!({ "shell": shell.to_string(), "script": script }), || script.to_string())?;
    Ok(Exit::Done)
}
