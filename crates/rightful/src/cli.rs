//! The command line: verbs, their arguments, and an example of each.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::callback::PORT;

/// Keeps every record with its rightful owner.
#[derive(Debug, Parser)]
#[command(
    name = "rightful",
    version,
    about = "Keeps every record with its rightful owner",
    long_about = "Maps people between business systems and applies the mapping: the rep code on a customer in the ERP decides who owns that \
                  customer in the field-sales app. Every change is a plan before it is written, and in a ledger afterwards.",
    after_help = "Exit codes: 0 done or nothing to do, 1 error, 2 the plan has changes and 8 applied with holds (both only with \
                  --detailed-exitcode), 3 partial, 4 refused by a cap or guard, 5 stale plan or edit, 6 another run holds the lease, \
                  7 preflight failed, 9 the store is locked or its disk is full, 64 usage.",
    disable_help_subcommand = true
)]
pub struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The configuration file
    #[arg(long, short, global = true, value_name = "PATH", default_value = "rightful.toml", env = "RIGHTFUL_CONFIG")]
    pub config: PathBuf,
    /// The integration, where several are configured
    #[arg(long, short, global = true, value_name = "NAME", env = "RIGHTFUL_INTEGRATION")]
    pub integration: Option<String>,
    /// Prints JSON for programs instead of tables for people
    #[arg(long, global = true)]
    pub json: bool,
    /// How logs are written to standard error
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", env = "RIGHTFUL_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// Tells more on the way: -v what is done, -vv every call (never their contents)
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for programs.
    Json,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Writes a commented configuration to fill in
    #[command(after_help = "Example: rightful init && $EDITOR rightful.toml")]
    Init(Init),
    /// Judges the configuration, secrets included, without asking any vendor
    #[command(after_help = "Example: rightful check")]
    Check,
    /// Prints the configuration's JSON Schema, for editors
    #[command(after_help = "Example: rightful schema > rightful.schema.json")]
    Schema,
    /// Lists the connectors this program carries and what each can do
    #[command(after_help = "Example: rightful connectors skynamo")]
    Connectors(Connectors),
    /// Signs a person in at a connection's vendor, in a browser, and seals what that brings
    #[command(after_help = "Examples: rightful connect salesforce\n          rightful connect salesforce --port 9000")]
    Connect(Connect),
    /// Asks both vendors whether everything the integration needs is in place
    #[command(after_help = "Example: rightful preflight")]
    Preflight(Preflight),
    /// Lists people of both sides, and says who has which account
    #[command(
        after_help = "Examples: rightful users --codes\n          rightful users list --unlinked\n          rightful users map 0055g000001AbCd liv@example.com --reason \"told by sales\"\n          rightful users create liv@example.com --reason \"joined in May\"\n          rightful users team liv@example.com OSLO-FIELD\n          rightful users automatic off --reason \"licences are used up\"\n          rightful users import users.csv"
    )]
    Users(Users),
    /// Shows, switches and tries the workflows: which records are credited
    #[command(
        after_help = "Examples: rightful workflows list\n          rightful workflows test won\n          rightful workflows disable won --reason \"audit\""
    )]
    Workflows(Workflows),
    /// Shows and changes which users each code leads to
    #[command(after_help = "Examples: rightful codes list\n          rightful codes set R05 nadia.o --reason \"takes over the Cape\"")]
    Codes(Codes),
    /// Lists who is linked to whom, and states it
    #[command(
        after_help = "Examples: rightful link list --unlinked\n          rightful link add nadia@example.com nadia.o --reason \"goes by another address there\""
    )]
    Link(Link),
    /// Reads both sides and shows what would change; writes nothing
    #[command(after_help = "Examples: rightful plan\n          rightful plan --only R05\n          rightful plan --show plan-3 --all")]
    Plan(Plan),
    /// Applies a saved plan, exactly as it was shown
    #[command(after_help = "Examples: rightful apply plan-1\n          rightful apply plan-1 --over-cap --reason \"first run\"")]
    Apply(Apply),
    /// Reads, plans, judges the caps and applies: what an hourly schedule calls
    #[command(after_help = "Example: rightful run")]
    Run(Run),
    /// Lists runs, or shows one, or what was sent and answered for one of its changes
    #[command(after_help = "Examples: rightful runs\n          rightful runs run-3\n          rightful runs run-3 --change 17")]
    Runs(Runs),
    /// Says why a record belongs to its users
    #[command(after_help = "Example: rightful explain CAPE-017")]
    Explain(Explain),
    /// Lists wanted states that wait for something
    #[command(after_help = "Examples: rightful holds list\n          rightful holds replay\n          rightful holds drop hold-4")]
    Holds(Holds),
    /// Lists what a person has to look at
    #[command(after_help = "Example: rightful cases --reason unmapped-code")]
    Cases(Cases),
    /// Puts back what stood there before a run, and pauses the integration
    #[command(after_help = "Example: rightful undo run-3")]
    Undo(Undo),
    /// Stops an integration from running
    #[command(after_help = "Example: rightful pause --reason \"ERP upgrade\"")]
    Pause(Pause),
    /// Lets a paused integration run again, and one in quarantine
    #[command(after_help = "Example: rightful resume")]
    Resume(Resume),
    /// Lists who did what, and shows whether the log of it is whole
    #[command(after_help = "Examples: rightful audit list --actor ann --action codes.\n          rightful audit verify")]
    Audit(Audit),
    /// Makes and changes the master key, under which secrets are sealed
    #[command(
        after_help = "Examples: rightful key new > /etc/rightful/master.key\n          rightful key rotate --to-file /etc/rightful/next.key"
    )]
    Key(Key),
    /// Copies everything Rightful remembers into a new file, while it works
    #[command(after_help = "Example: rightful backup /backup/rightful-$(date +%F).db")]
    Backup(Backup),
    /// Puts a backup back, while nothing works on the store
    #[command(after_help = "Example: rightful restore /backup/rightful-2026-11-27.db --force")]
    Restore(Restore),
    /// Runs every integration by its schedule and serves the console
    #[cfg(feature = "serve")]
    #[command(after_help = "Example: rightful serve --listen 127.0.0.1:8080")]
    Serve(crate::serve::Arguments),
    /// Lists what is wrong and who still has to be told, or tries how alarms are told
    #[cfg(feature = "serve")]
    #[command(after_help = "Examples: rightful alarms list\n          rightful alarms test")]
    Alarms(Alarms),
    /// Serves stand-ins of the compiled vendors on this machine
    #[cfg(feature = "sandbox")]
    #[command(after_help = "Example: rightful sandbox --config sandbox.toml")]
    Sandbox(crate::sandbox::Arguments),
    /// Plays a whole job against stand-ins and judges it
    #[cfg(feature = "sandbox")]
    #[command(after_help = "Example: rightful demo rep-codes --seed 7")]
    Demo(crate::demo::Arguments),
    /// Prints a completion script for a shell
    #[command(after_help = "Example: rightful completions bash > ~/.local/share/bash-completion/completions/rightful")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// Where to write it; the file of --config unless said
    pub path: Option<PathBuf>,
    /// Replaces a file that is there
    #[arg(long)]
    pub force: bool,
}

/// `connectors`
#[derive(Debug, Args)]
pub struct Connectors {
    /// Only this vendor, with its settings
    pub vendor: Option<String>,
}

/// `connect`
#[derive(Debug, Args)]
pub struct Connect {
    /// The connection
    pub connection: String,
    /// The port that the browser comes back to: http://localhost:PORT/callback, registered at the vendor; 0 for a free one
    #[arg(long, default_value_t = PORT)]
    pub port: u16,
    /// How long the person may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub timeout_seconds: u64,
    /// Who does it; the name you are signed in with unless said
    #[arg(long, value_name = "NAME", env = "RIGHTFUL_AUTHOR")]
    pub author: Option<String>,
}

/// `preflight`
#[derive(Debug, Args)]
pub struct Preflight {
    /// Only this connection
    pub connection: Option<String>,
}

/// `users`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Users {
    /// Whom to list
    #[command(flatten)]
    pub list: UsersList,
    /// What to do with them; lists them unless said
    #[command(subcommand)]
    pub verb: Option<UsersVerb>,
}

/// `users list`
#[derive(Debug, Args)]
pub struct UsersList {
    /// Where activities are credited: only those without an account
    #[arg(long)]
    pub unlinked: bool,
    /// Where activities are credited: only those for whom something waits
    #[arg(long)]
    pub waiting: bool,
    /// Where activities are credited: the target's accounts instead, with how and when each fact is known
    #[arg(long, conflicts_with_all = ["unlinked", "waiting"])]
    pub accounts: bool,
    /// Where activities are credited: only those whose name, e-mail address or id holds this
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub search: String,
    /// Where activities are credited: how many
    #[arg(long, default_value_t = 1_000)]
    pub limit: usize,
    /// Elsewhere: only users that a code leads to
    #[arg(long)]
    pub codes: bool,
    /// Elsewhere: the source's people too
    #[arg(long)]
    pub people: bool,
}

/// Verbs below `users`.
#[derive(Debug, Subcommand)]
pub enum UsersVerb {
    /// Lists people: the source's where activities are credited, else the target's as last read
    List(UsersList),
    /// Says that a source person is a user of the target, then credits what waited for it
    Map {
        /// The source person: id of 15 or 18 characters, user name, e-mail address
        person: String,
        /// The user of the target: id or e-mail address
        user: String,
        /// Replaces a link of this person to somebody else
        #[arg(long)]
        replace: bool,
        /// Who and why
        #[command(flatten)]
        by: Authored,
    },
    /// Gives source people accounts, or links those that have the same e-mail address
    Create {
        /// The source people: id, user name, e-mail address
        #[arg(required_unless_present = "all_unlinked")]
        people: Vec<String>,
        /// Everyone active without an account who is not skipped
        #[arg(long, conflicts_with = "people")]
        all_unlinked: bool,
        /// Saves the choice only; the next run makes the accounts
        #[arg(long)]
        later: bool,
        /// Who and why
        #[command(flatten)]
        by: Authored,
    },
    /// Keeps source people without an account, whatever the mode
    Skip {
        /// The source people: id, user name, e-mail address
        #[arg(required = true)]
        people: Vec<String>,
        /// Takes back what was picked for them
        #[arg(long)]
        undo: bool,
        /// Who and why
        #[command(flatten)]
        by: Authored,
    },
    /// Puts a user of the target on a team, or states that somebody did; then credits what waited for it
    Team {
        /// The user: id or e-mail address
        user: String,
        /// The team's key
        #[arg(required_unless_present = "none")]
        key: Option<String>,
        /// Sends nothing: somebody did it in the product
        #[arg(long)]
        placed: bool,
        /// On no team; with --placed
        #[arg(long, requires = "placed", conflicts_with = "key")]
        none: bool,
        /// Who and why
        #[command(flatten)]
        by: MaybeAuthored,
    },
    /// Shows whether accounts are made by themselves, or switches that where people = "automatic"
    Automatic {
        /// Switches it; shows it unless said
        #[arg(requires = "reason")]
        state: Option<OnOff>,
        /// Who and why
        #[command(flatten)]
        by: MaybeAuthored,
    },
    /// Reads the target's users from the file of an administrator, a verdict for each row; then credits what waited for it
    Import {
        /// The file; `-` for standard input
        file: PathBuf,
        /// Shows the verdicts and saves nothing
        #[arg(long)]
        dry_run: bool,
        /// Who and why
        #[command(flatten)]
        by: MaybeAuthored,
    },
}

/// What a switch is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OnOff {
    /// On
    On,
    /// Off
    Off,
}

/// `workflows`
#[derive(Debug, Args)]
pub struct Workflows {
    /// What to do with them
    #[command(subcommand)]
    pub verb: WorkflowsVerb,
}

/// Verbs below `workflows`.
#[derive(Debug, Subcommand)]
pub enum WorkflowsVerb {
    /// Lists them: on or off, for which records, what they credit
    List,
    /// Switches one on
    Enable {
        /// The workflow
        name: String,
        /// Who and why
        #[command(flatten)]
        by: Authored,
    },
    /// Switches one off; what it credited stays
    Disable {
        /// The workflow
        name: String,
        /// Who and why
        #[command(flatten)]
        by: Authored,
    },
    /// Shows what it would do with the 20 records that changed last; sends nothing
    Test {
        /// The workflow
        name: String,
    },
}

/// Who edits, and why if there is more to say.
#[derive(Clone, Debug, Args)]
pub struct MaybeAuthored {
    /// Who does it; the name you are signed in with unless said
    #[arg(long, value_name = "NAME", env = "RIGHTFUL_AUTHOR")]
    pub author: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Who edits and why.
#[derive(Clone, Debug, Args)]
pub struct Authored {
    /// Who does it; the name you are signed in with unless said
    #[arg(long, value_name = "NAME", env = "RIGHTFUL_AUTHOR")]
    pub author: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// `codes`
#[derive(Debug, Args)]
pub struct Codes {
    /// What to do with the table
    #[command(subcommand)]
    pub verb: CodesVerb,
}

/// Verbs below `codes`.
#[derive(Debug, Subcommand)]
pub enum CodesVerb {
    /// Shows each code: its users, how many records carry it, when the table was last read
    List {
        /// Only codes that lead to nobody
        #[arg(long)]
        unmapped: bool,
    },
    /// Gives a code its users; takes effect at the next run
    Set {
        /// The code, as it stands in the source (case and leading zeros count)
        code: String,
        /// Users by user name or e-mail; none with --blank or --remove
        users: Vec<String>,
        /// Who takes over where a user is deactivated
        #[arg(long, value_name = "OLD=NEW")]
        successor: Vec<String>,
        /// Keeps the code as a blank row: known, not mapped yet
        #[arg(long, conflicts_with_all = ["users", "remove"])]
        blank: bool,
        /// Takes the code out of the table
        #[arg(long, conflicts_with = "users")]
        remove: bool,
        /// Saves only if the table still has this version
        #[arg(long, value_name = "VERSION")]
        expect: Option<i64>,
        /// Who and why
        #[command(flatten)]
        by: Authored,
    },
    /// Reads rows from a CSV file with the columns code, user, successor; a verdict for each
    Import {
        /// The file; `-` for standard input
        file: PathBuf,
        /// Takes codes that are not in the file out of the table
        #[arg(long)]
        whole: bool,
        /// Saves the good rows where others are bad; without it a bad row stops all
        #[arg(long)]
        good_rows: bool,
        /// Shows the verdicts and saves nothing
        #[arg(long)]
        dry_run: bool,
        /// Saves only if the table still has this version
        #[arg(long, value_name = "VERSION")]
        expect: Option<i64>,
        /// Who and why
        #[command(flatten)]
        by: Authored,
    },
    /// Prints the table as CSV
    Export {
        /// The file; standard output unless said
        file: Option<PathBuf>,
    },
    /// Lists the table's versions, newest first
    History {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
}

/// `link`
#[derive(Debug, Args)]
pub struct Link {
    /// What to do with links
    #[command(subcommand)]
    pub verb: LinkVerb,
}

/// Verbs below `link`.
#[derive(Debug, Subcommand)]
pub enum LinkVerb {
    /// Shows each person of the source, whom they lead to in the target, and how that is known
    List {
        /// Only people who own records and lead to nobody
        #[arg(long)]
        unlinked: bool,
    },
    /// States that a person of the source is a user of the target; takes effect at the next run
    Add {
        /// The person of the source: an id, another key or an e-mail address
        #[arg(value_name = "SOURCE_PERSON")]
        person: String,
        /// The user of the target: the same
        #[arg(value_name = "TARGET_USER")]
        user: String,
        /// Takes the place of a link that the person has
        #[arg(long)]
        replace: bool,
        /// Who and why
        #[command(flatten)]
        by: Authored,
    },
    /// Takes the link of a person away
    Remove {
        /// The person of the source: an id, another key or an e-mail address
        #[arg(value_name = "SOURCE_PERSON")]
        person: String,
        /// Who and why
        #[command(flatten)]
        by: Authored,
    },
}

/// `plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// The integration, where several are configured
    // With an id of its own: the option of the same name would be hidden.
    #[arg(id = "named", value_name = "INTEGRATION")]
    pub integration: Option<String>,
    /// A pilot: plans only records with this code, or this one customer; of activities those of one record, figure or owner, by its id
    #[arg(long, value_name = "CODE|ID")]
    pub only: Option<String>,
    /// Shows a saved plan instead of making one
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["only", "list"])]
    pub show: Option<String>,
    /// Lists saved plans
    #[arg(long, conflicts_with = "only")]
    pub list: bool,
    /// Shows every change, not only the first ones
    #[arg(long)]
    pub all: bool,
    /// Exits 2 where there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `apply`
#[derive(Debug, Args)]
pub struct Apply {
    /// The plan: `plan-3` or `3`
    pub plan: String,
    /// Lets this one plan over its caps; needs --reason
    #[arg(long, requires = "reason")]
    pub over_cap: bool,
    /// Why it may pass
    #[arg(long, value_name = "TEXT", requires = "over_cap")]
    pub reason: Option<String>,
    /// Who lets it pass; the name you are signed in with unless said
    #[arg(long, value_name = "NAME", env = "RIGHTFUL_AUTHOR")]
    pub author: Option<String>,
    /// Exits 8 where wanted states wait
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `run`
#[derive(Debug, Args)]
pub struct Run {
    /// The integration, where several are configured
    // With an id of its own: the option of the same name would be hidden.
    #[arg(id = "named", value_name = "INTEGRATION")]
    pub integration: Option<String>,
    /// Exits 8 where wanted states wait
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `runs`
#[derive(Debug, Args)]
pub struct Runs {
    /// One run: `run-3` or `3`
    pub run: Option<String>,
    /// One of its changes, with the requests that carried it and their answers
    #[arg(long, value_name = "NUMBER", requires = "run", value_parser = clap::value_parser!(i64).range(1..))]
    pub change: Option<i64>,
    /// How many, newest first
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
}

/// `explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// The record's code, or its id in the target; where activities are credited, the source record's id or one of its figures'
    pub key: String,
}

/// `holds`
#[derive(Debug, Args)]
pub struct Holds {
    /// What to do with them
    #[command(subcommand)]
    pub verb: HoldsVerb,
}

/// Verbs below `holds`.
#[derive(Debug, Subcommand)]
pub enum HoldsVerb {
    /// Lists them, oldest first
    List {
        /// How many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Sends what waits and may be sent by now, without reading the vendors
    Replay {
        /// The integration, where several are configured
        // With an id of its own: the option of the same name would be hidden.
        #[arg(id = "named", value_name = "INTEGRATION")]
        integration: Option<String>,
    },
    /// Forgets one; the next plan may bring it back, an activity only once it changes
    Drop {
        /// The hold: `hold-4` or `4`
        hold: String,
        /// Who drops it; the name you are signed in with unless said
        #[arg(long, value_name = "NAME", env = "RIGHTFUL_AUTHOR")]
        author: Option<String>,
    },
}

/// `cases`
#[derive(Debug, Args)]
pub struct Cases {
    /// Only cases with this reason
    #[arg(long)]
    pub reason: Option<String>,
    /// Closed ones too
    #[arg(long)]
    pub closed: bool,
    /// How many
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

/// `undo`
#[derive(Debug, Args)]
pub struct Undo {
    /// The run: `run-3` or `3`
    pub run: String,
    /// Who undoes it; the name you are signed in with unless said
    #[arg(long, value_name = "NAME", env = "RIGHTFUL_AUTHOR")]
    pub author: Option<String>,
}

/// `pause`
#[derive(Debug, Args)]
pub struct Pause {
    /// The integration, where several are configured
    // With an id of its own: the option of the same name would be hidden.
    #[arg(id = "named", value_name = "INTEGRATION")]
    pub integration: Option<String>,
    /// Who and why
    #[command(flatten)]
    pub by: Authored,
}

/// `resume`
#[derive(Debug, Args)]
pub struct Resume {
    /// The integration, where several are configured
    // With an id of its own: the option of the same name would be hidden.
    #[arg(id = "named", value_name = "INTEGRATION")]
    pub integration: Option<String>,
    /// Who lets it run; the name you are signed in with unless said
    #[arg(long, value_name = "NAME", env = "RIGHTFUL_AUTHOR")]
    pub author: Option<String>,
}

/// `audit`
#[derive(Debug, Args)]
pub struct Audit {
    /// What to do with the log
    #[command(subcommand)]
    pub verb: AuditVerb,
}

/// Verbs below `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// Walks the whole log; exits 1 where a line was changed, put in or taken out
    Verify {
        /// A head that was noted earlier: exits 1 where it is no longer in the log, as when lines were cut off at the end
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
    /// Lists acts, newest first
    List {
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Only those of this person or token
        #[arg(long, value_name = "NAME")]
        actor: Option<String>,
        /// Only actions that begin so: `codes.save`, `member.`
        #[arg(long, value_name = "ACTION")]
        action: Option<String>,
    },
}

/// `key`
#[derive(Debug, Args)]
pub struct Key {
    /// What to do with it
    #[command(subcommand)]
    pub verb: KeyVerb,
}

/// Verbs below `key`.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Prints a fresh master key
    New,
    /// Seals everything anew under another master key, which is there already
    Rotate {
        /// Where it goes
        #[command(flatten)]
        to: NewKey,
        /// Who does it; the name you are signed in with unless said
        #[arg(long, value_name = "NAME", env = "RIGHTFUL_AUTHOR")]
        author: Option<String>,
    },
    /// Forgets secrets that are sealed under a master key that is lost: they have to be entered again
    Forget {
        /// Says that it is meant: they cannot be had back
        #[arg(long)]
        force: bool,
        /// Who does it; the name you are signed in with unless said
        #[arg(long, value_name = "NAME", env = "RIGHTFUL_AUTHOR")]
        author: Option<String>,
    },
}

/// Where a master key is that is to be used from now on.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct NewKey {
    /// The new key stands in this environment variable
    #[arg(long, value_name = "NAME")]
    pub to_env: Option<String>,
    /// The new key stands in this file
    #[arg(long, value_name = "PATH")]
    pub to_file: Option<PathBuf>,
}

/// `backup`
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to write; it must not be there yet
    pub file: PathBuf,
    /// Replaces a file that is there
    #[arg(long)]
    pub force: bool,
}

/// `restore`
#[derive(Debug, Args)]
pub struct Restore {
    /// A file that `rightful backup` wrote
    pub file: PathBuf,
    /// Replaces the store that is there
    #[arg(long)]
    pub force: bool,
    /// Who does it; the name you are signed in with unless said
    #[arg(long, value_name = "NAME", env = "RIGHTFUL_AUTHOR")]
    pub author: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_shows_an_example() {
        for verb in Cli::command().get_subcommands() {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("rightful "), "`{}` has no example", verb.get_name());
        }
    }
}

/// `alarms`
#[cfg(feature = "serve")]
#[derive(Debug, Args)]
pub struct Alarms {
    /// What to do with them
    #[command(subcommand)]
    pub verb: AlarmsVerb,
}

/// Verbs below `alarms`.
#[cfg(feature = "serve")]
#[derive(Debug, Subcommand)]
pub enum AlarmsVerb {
    /// Lists alarms that stand, and those that somebody still has to be told of
    List,
    /// Sends a test message to everybody whom the configuration names
    Test,
}
