//! `rightful sandbox`: serves the simulators of the compiled vendors on this machine, for scripts, clients and people who try things.

mod choices;

use std::fmt::Write as _;
use std::path::Path;

use rightful_core::{Descriptor, Error, ErrorKind, Result, SettingType};
use rightful_engine::{CodeRow, table_file};
use rightful_sim::world::World;
use rightful_sim::{Credentials, FaultPlan, RunningSim, SimHost, SimOptions, StandIn};
use serde_json::{Value as Json, json};

use crate::cli::{Cli, Global};
use crate::config::{Filled, connections_template, quoted, template, told_secret};
use crate::exit::Exit;
use crate::verbs::{Ended, Failure};
use crate::{output, registry};
pub use choices::{Typed, choices};

/// `sandbox`
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  rightful sandbox --config sandbox.toml
  rightful sandbox --listen 8700 --seed 7 --customers 500
  rightful sandbox --listen skynamo=8801 --faults 'skynamo=3:429=2;/10:slow=200'
  rightful sandbox --credential skynamo.instance=acme --credential 'skynamo.api_key=a&b'
  rightful sandbox --json

--config writes a ready configuration there, and the code table that fits beside it.
What is below /_sim/ of each address (dump, requests, log, faults, clock, control) is not the vendor's.")]
pub struct Arguments {
    /// Where to listen: PORT (further vendors take the ports after it), ADDRESS or ADDRESS:PORT; free ports unless said
    #[arg(long, value_name = "[VENDOR=]ADDRESS")]
    listen: Vec<String>,
    /// What the invented people and customers follow from
    #[arg(long, default_value_t = World::SEED)]
    seed: u64,
    /// How many customers the ERP begins with
    #[arg(long, default_value_t = 2_600, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    customers: u32,
    /// Which requests meet which misfortune, as in 3:429=2;/10:slow=50
    #[arg(long, value_name = "[VENDOR=]PLAN")]
    faults: Vec<String>,
    /// What clients sign in with, instead of the well-known
    #[arg(long, value_name = "VENDOR.KEY=VALUE")]
    credential: Vec<String>,
}

/// One vendor being served.
#[derive(Debug)]
pub struct Served {
    /// Its stand-in.
    pub stand_in: &'static StandIn,
    /// Its connector.
    pub descriptor: &'static Descriptor,
    /// What clients sign in with.
    pub credentials: Credentials,
    /// The running simulator.
    pub running: RunningSim,
}

/// Simulators of the compiled vendors, served together.
#[derive(Debug)]
pub struct Sandbox {
    /// In the order of the registry.
    pub served: Vec<Served>,
}

impl Sandbox {
    /// Starts one simulator for each compiled vendor, each with its share of the world.
    ///
    /// # Errors
    /// `Config` where something typed cannot be, or an address cannot be listened on.
    pub async fn start(world: &World, typed: Typed<'_>) -> Result<Self> {
        let vendors: Vec<(&'static StandIn, &'static Descriptor)> = registry::stand_ins().collect();
        let stand_ins: Vec<&'static StandIn> = vendors.iter().map(|(stand_in, _)| *stand_in).collect();
        let mut choices = choices(&stand_ins, typed)?;
        let mut prepared = Vec::new();
        for (stand_in, descriptor) in vendors {
            let Some(choice) = choices.remove(stand_in.vendor) else { continue };
            let simulator = (stand_in.simulator)(world, &choice.credentials);
            let faults = FaultPlan::parse(&choice.faults, simulator.faults()).map_err(|told| {
                Error::new(ErrorKind::Config, format!("--faults for {}: {told}", stand_in.vendor))
                    .hint(format!("write rules such as {}=3:429=2;/10:slow=50", stand_in.vendor))
            })?;
            prepared.push((stand_in, descriptor, choice.credentials, SimOptions::new(simulator).address(choice.address).faults(faults)));
        }
        let mut served = Vec::new();
        for (stand_in, descriptor, credentials, options) in prepared {
            let running = SimHost::start(options).await.map_err(|error| {
                Error::new(ErrorKind::Config, format!("the simulator of {} cannot be served", descriptor.name))
                    .source(error)
                    .hint(format!("choose another port: --listen {}=PORT, or 0 for a free one", stand_in.vendor))
            })?;
            served.push(Served { stand_in, descriptor, credentials, running });
        }
        Ok(Self { served })
    }

    /// The simulator of a vendor.
    pub fn vendor(&self, id: &str) -> Option<&Served> {
        self.served.iter().find(|served| served.stand_in.vendor == id)
    }

    /// A configuration that reaches these simulators, with every key and its comment.
    pub fn config(&self) -> String {
        template(&self.descriptors(), &self.filled(&[]))
    }

    /// The connections of such a configuration alone; `further` are settings by vendor and key, as TOML spells them.
    pub fn connections_config(&self, further: &[(&str, &str, &str)]) -> String {
        connections_template(&self.descriptors(), &self.filled(further))
    }

    fn descriptors(&self) -> Vec<&Descriptor> {
        self.served.iter().map(|served| served.descriptor).collect()
    }

    fn filled(&self, further: &[(&str, &str, &str)]) -> Filled {
        let values = self.served.iter().flat_map(|served| {
            served.connection().into_iter().map(|(key, value)| {
                let takes = served.descriptor.setting(key).map(|setting| setting.takes);
                let value = match takes {
                    Some(SettingType::Secret) => told_secret(&value),
                    Some(SettingType::Bool | SettingType::Integer) => value,
                    _ => quoted(&value),
                };
                (served.stand_in.vendor.to_owned(), key.to_owned(), value)
            })
        });
        let further = further.iter().map(|(vendor, key, value)| ((*vendor).to_owned(), (*key).to_owned(), (*value).to_owned()));
        Filled { allow_private: true, values: values.chain(further).collect() }
    }

    /// Stops serving.
    pub async fn stop(self) {
        for served in self.served {
            served.running.stop().await;
        }
    }
}

impl Served {
    /// The settings of a connection to it, secrets included: everybody may know them.
    fn connection(&self) -> Vec<(&'static str, String)> {
        let credentials = self.stand_in.credentials.iter().map(|one| (one.key, self.credentials.value(one.key).to_owned()));
        let settings = self.stand_in.settings.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let address =
            self.descriptor.settings.iter().find(|setting| setting.takes == SettingType::Url).map_or("base_url", |setting| setting.key);
        std::iter::once((address, self.running.base_url())).chain(credentials).chain(settings).collect()
    }

    /// What clients sign in with.
    fn credentials(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = self.stand_in.credentials.iter().chain(self.stand_in.foreign);
        all.map(|one| (one.key, self.credentials.value(one.key))).filter(|(_, value)| !value.is_empty())
    }

    /// A line for the shell that shows a first answer.
    fn curl(&self) -> String {
        let arguments = (self.stand_in.curl)(&self.running.base_url(), &self.credentials);
        std::iter::once("curl -s".to_owned()).chain(arguments.iter().map(|argument| shell_word(argument))).collect::<Vec<_>>().join(" ")
    }

    fn json(&self) -> Json {
        let connection: serde_json::Map<String, Json> =
            self.connection().into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        let credentials: serde_json::Map<String, Json> = self.credentials().map(|(key, value)| (key.to_owned(), value.into())).collect();
        json!({ "vendor": self.stand_in.vendor, "name": self.descriptor.name, "base_url": self.running.base_url(), "origin": self.running.origin(),
                "host": self.running.address().ip().to_string(), "port": self.running.address().port(), "credentials": credentials,
                "connection": connection, "inspect": format!("{}/_sim/", self.running.origin()), "curl": self.curl() })
    }

    fn told(&self) -> String {
        let mut text = format!("\n{}\n", self.descriptor.name);
        for (key, value) in self.connection() {
            let _ = writeln!(text, "  {key:<16} {value}");
        }
        for one in self.stand_in.foreign {
            match self.credentials.value(one.key) {
                "" => {}
                value if value.contains('\n') => drop(writeln!(text, "  {:<16} (as chosen)", one.key)),
                value => drop(writeln!(text, "  {:<16} {value}", one.key)),
            }
        }
        let _ = writeln!(text, "  {:<16} {}/_sim/", "look inside", self.running.origin());
        let _ = writeln!(text, "  try: {}", self.curl());
        text
    }
}

/// A word as a POSIX shell takes it literally.
fn shell_word(text: &str) -> String {
    let plain =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/' | ':' | ',' | '=' | '@' | '%' | '+');
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The code table of a world, as people would type it.
pub fn code_rows(world: &World) -> Vec<CodeRow> {
    world.table.iter().cloned().map(|row| CodeRow { code: row.code, user: row.user, successor: row.successor }).collect()
}

/// `rightful sandbox`
///
/// # Errors
/// Where something typed cannot be, or an address or file cannot be had.
pub async fn verb(global: &Global, arguments: Arguments) -> Ended {
    let usage = |error: Error| if error.kind() == ErrorKind::Config { Failure::Error(error, Exit::Usage) } else { error.into() };
    // Asked for first: whoever stops us between binding and waiting must be heard.
    let mut stop = crate::stop::signal()?;
    let world = World::invent(arguments.seed, usize::try_from(arguments.customers).unwrap_or(World::CUSTOMERS));
    let typed = Typed { listen: &arguments.listen, faults: &arguments.faults, credentials: &arguments.credential };
    let sandbox = Sandbox::start(&world, typed).await.map_err(usage)?;
    if sandbox.served.is_empty() {
        return Err(Error::new(ErrorKind::Config, "no vendor is compiled into this program, so there is nothing to serve")
            .hint("build it with one: cargo run --package rightful --features all -- sandbox")
            .into());
    }
    let config = sandbox.config();
    let files = if config_is_asked_for() { Some(write_files(&global.config, &config, &world)?) } else { None };
    announce(global, &arguments, &sandbox, &config, &world, files.as_ref())?;
    stop.recv().await;
    sandbox.stop().await;
    Ok(Exit::Done)
}

/// Was `--config` typed? The name that stands there otherwise is that of somebody's own configuration.
fn config_is_asked_for() -> bool {
    use clap::CommandFactory as _;
    use clap::parser::ValueSource;
    let matches = Cli::command().try_get_matches_from(std::env::args_os());
    matches.is_ok_and(|matches| matches.value_source("config") == Some(ValueSource::CommandLine))
}

/// Opens the first line of every configuration the sandbox wrote: only such a file is written over.
const MARK: &str = "# Written by `rightful sandbox`; it is written anew at each start.\n";

/// The written files: configuration and code table.
fn write_files(path: &Path, config: &str, world: &World) -> Result<(String, String), Failure> {
    if let Ok(present) = std::fs::read_to_string(path)
        && !present.starts_with(MARK)
    {
        return Err(Error::new(ErrorKind::Conflict, format!("{} is there already and is not the sandbox's", path.display()))
            .hint("name another file: --config sandbox.toml")
            .into());
    }
    let table = path.with_extension("codes.csv");
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).map_err(|error| output::io_error(&format!("{} cannot be written", path.display()), error))
    };
    write(path, &format!("{MARK}{config}"))?;
    write(&table, &table_file::written(&code_rows(world))?)?;
    Ok((path.display().to_string(), table.display().to_string()))
}

fn announce(
    global: &Global,
    arguments: &Arguments,
    sandbox: &Sandbox,
    config: &str,
    world: &World,
    files: Option<&(String, String)>,
) -> Result<(), Failure> {
    if global.json {
        for served in &sandbox.served {
            output::data(&served.json().to_string())?;
        }
        let (file, table) = files.map_or((None, None), |(file, table)| (Some(file), Some(table)));
        let line = json!({ "config": config, "config_file": file, "code_table": table_file::written(&code_rows(world))?, "code_table_file": table });
        output::data(&line.to_string())?;
        output::data(&json!({ "ready": true }).to_string())?;
        return Ok(());
    }
    let customers = output::counted(u64::from(arguments.customers), "customer");
    let mut text = format!("Stand-ins of {} vendors with {customers}, seed {}.\n", sandbox.served.len(), arguments.seed);
    sandbox.served.iter().for_each(|served| text.push_str(&served.told()));
    if let Some((file, table)) = files {
        let _ = write!(
            text,
            "\nConfiguration: {file}\nCode table: {table}\nNext, in another terminal:\n  rightful --config {0} preflight\n  \
             rightful --config {0} codes import {1} --reason \"first table\"\n  rightful --config {0} plan\n",
            shell_word(file),
            shell_word(table)
        );
    } else {
        text.push_str("\nConfiguration (--config PATH writes it there, with every key explained):\n\n");
        for line in config.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let _ = writeln!(text, "{}{line}", if line.starts_with('[') { "\n" } else { "" });
        }
    }
    text.push_str("\nReady. What is written is kept until Ctrl-C.\n");
    Ok(output::data(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn words_reach_the_shell_as_they_are() {
        for (text, word) in [("plain-1", "plain-1"), ("", "''"), ("a b&c", "'a b&c'"), ("o'hara", r"'o'\''hara'"), ("<x>", "'<x>'")] {
            assert_eq!(shell_word(text), word);
        }
    }

    #[tokio::test]
    async fn the_printed_configuration_is_one_also_with_odd_credentials() {
        let world = World::invent(1, 40);
        let sandbox = Sandbox::start(&world, Typed::default()).await.unwrap();
        let odd: Vec<String> = sandbox
            .served
            .iter()
            .flat_map(|served| served.stand_in.credentials.iter().filter(|one| one.secret).map(|one| (served.stand_in.vendor, one.key)))
            .map(|(vendor, key)| format!("{vendor}.{key}=a&b<c>'\"\\d@example.com"))
            .collect();
        sandbox.stop().await;
        let sandbox = Sandbox::start(&world, Typed { credentials: &odd, ..Typed::default() }).await.unwrap();
        let text = sandbox.config();
        let config = Config::parse(&text, Path::new("sandbox.toml")).unwrap_or_else(|unusable| panic!("{:#?}\n{text}", unusable.problems));
        assert_eq!(config.connections.len(), sandbox.served.len(), "{text}");
        for (connection, served) in config.connections.values().zip(&sandbox.served) {
            assert!(connection.network.allow_private);
            let crate::config::SecretSource::Named(references) = &connection.secrets else { panic!("the file names its secrets") };
            for (_, reference) in references {
                let secret = reference.fetch(Path::new("")).await.unwrap();
                assert_eq!(secret.expose(), "a&b<c>'\"\\d@example.com", "{}", served.stand_in.vendor);
            }
        }
        sandbox.stop().await;
    }
}
