//! Which images a policy needs, checked against what both connections declare.

use rightful_core::{
    ConnectionName, Connector, Error, ErrorKind, FieldName, GateSpec, KeyName, Kind, KindSpec, Result, Role, Verb, nearest,
};

use super::Ports;
use crate::{Activity, CodeFrom, From, ImageSpec, MatchRule, Policy};

/// A target kind whose single owner follows a successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    /// Its image, ordered by the key that names the paired record.
    pub image: ImageSpec,
    /// The role that is written.
    pub role: Role,
}

/// The images of one integration and the names by which they are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Source records; their only field is the code.
    pub source: ImageSpec,
    /// Target records.
    pub target: ImageSpec,
    /// The target's people.
    pub people: ImageSpec,
    /// The key of a person by which records name their owner.
    pub owner_key: KeyName,
    /// The key of a person that is typed into a code table.
    pub login_key: KeyName,
    /// May only one person have the written role?
    pub single: bool,
    /// The longest pairing key the target keeps, in characters.
    pub longest: Option<usize>,
    /// Kinds that follow a successor.
    pub follows: Vec<Follow>,
    /// The source's people kinds.
    pub source_people: Vec<ImageSpec>,
    /// How a code names a person of the source, where the source says so: kind and key.
    pub code_names: Option<(Kind, KeyName)>,
    /// Where activities are credited.
    pub activity: Option<ActivityLayout>,
}

/// What crediting activities needs besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityLayout {
    /// Source kinds of the workflows, ascending.
    pub objects: Vec<ObjectLayout>,
    /// The target's people kind.
    pub people: Kind,
    /// What a person has to meet, of which the policy picks.
    pub gates: Vec<GateSpec>,
}

/// One source kind of the workflows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectLayout {
    /// Its image: every field that a workflow looks at, ascending.
    pub image: ImageSpec,
}

impl Layout {
    /// The layout of a policy over these connections.
    ///
    /// # Errors
    /// `Config` where a connection does not declare what the policy needs; the hint lists what it does declare.
    pub fn of(ports: &Ports, policy: &Policy) -> Result<Self> {
        Self::over(&*ports.source, &*ports.target, policy)
    }

    /// The same over two connectors.
    ///
    /// # Errors
    /// As [`Layout::of`].
    pub fn over(source_side: &dyn Connector, target_side: &dyn Connector, policy: &Policy) -> Result<Self> {
        let (source, target) = (&policy.source, &policy.target);
        if let Some(activity) = &policy.activity {
            return Self::of_activity(source_side, target_side, policy, activity);
        }
        if !policy.rules.contains(&MatchRule::Code) {
            return Err(Error::new(ErrorKind::Config, "no rule leads from an owner to people").hint("add `code` to `rules`"));
        }
        let source_kind = kind_spec(source_side, &source.kind, &source.connection)?;
        let target_kind = kind_spec(target_side, &target.kind, &target.connection)?;
        declared_key(source_kind, &source.key, &source.connection)?;
        declared_key(target_kind, &target.key, &target.connection)?;
        let fields = match &policy.code.from {
            CodeFrom::Field(field) => {
                if source_kind.field(field).is_none() && !source_kind.open_fields {
                    let known = source_kind.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>();
                    return Err(lacks("field", field.as_str(), &source.kind, &source.connection, &known));
                }
                vec![field.clone()]
            }
            CodeFrom::Owner(role) => {
                if source_kind.role(role).is_none() {
                    let known = source_kind.roles.iter().map(|role| role.role.as_str()).collect::<Vec<_>>();
                    return Err(lacks("role", role.as_str(), &source.kind, &source.connection, &known));
                }
                Vec::new()
            }
        };
        let role = target_kind.role(&policy.role).ok_or_else(|| {
            let known = target_kind.roles.iter().map(|role| role.role.as_str()).collect::<Vec<_>>();
            lacks("role", policy.role.as_str(), &target.kind, &target.connection, &known)
        })?;
        if !role.writable || !target_kind.verbs.contains(&Verb::Update) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("`{}` of kind `{}` cannot be written at connection `{}`", role.role, target.kind, target.connection),
            )
            .hint("choose a target whose owners can be written: rightful connectors"));
        }
        let people_kind = kind_spec(target_side, &role.people, &target.connection)?;
        let login_key = people_kind.keys.iter().map(|key| &key.name).find(|name| *name != "email" && *name != "id");
        let mut follows = Vec::new();
        for kind in &policy.follow {
            let spec = kind_spec(target_side, kind, &target.connection)?;
            let role = spec.roles.iter().find(|role| role.writable).ok_or_else(|| {
                Error::new(
                    ErrorKind::Unsupported,
                    format!("kind `{kind}` of connection `{}` has no owner that can be written", target.connection),
                )
                .hint("remove it from `follow`")
            })?;
            follows.push(Follow { image: image(&target.connection, spec), role: role.role.clone() });
        }
        let mut source_people = Vec::new();
        for kind in &policy.source_people {
            source_people.push(image(&source.connection, kind_spec(source_side, kind, &source.connection)?));
        }
        if (&source.connection, &source.kind) == (&target.connection, &target.kind) {
            return Err(Error::new(ErrorKind::Config, "source and target are the same records").hint("name two connections"));
        }
        let code_names = source_kind
            .roles
            .iter()
            .find(|role| policy.source_people.contains(&role.people))
            .map(|role| (role.people.clone(), role.key.clone()))
            .or_else(|| source_people.first().map(|spec| (spec.kind.clone(), spec.key.clone())));
        Ok(Self {
            source: ImageSpec { connection: source.connection.clone(), kind: source.kind.clone(), fields, key: source.key.clone() },
            target: ImageSpec {
                connection: target.connection.clone(),
                kind: target.kind.clone(),
                fields: Vec::new(),
                key: target.key.clone(),
            },
            people: image(&target.connection, people_kind),
            owner_key: role.key.clone(),
            login_key: login_key.cloned().unwrap_or(KeyName::fixed("user-name")),
            single: !role.many,
            longest: target_kind.key(&target.key).and_then(|key| key.longest),
            follows,
            source_people,
            code_names,
            activity: None,
        })
    }

    fn of_activity(source_side: &dyn Connector, target_side: &dyn Connector, policy: &Policy, activity: &Activity) -> Result<Self> {
        let (source, target) = (&policy.source, &policy.target);
        let people = kind_spec(source_side, &source.kind, &source.connection)?;
        if !people.people {
            return Err(Error::new(
                ErrorKind::Config,
                format!("kind `{}` of connection `{}` holds no people", source.kind, source.connection),
            )
            .hint("name the kind of the source's users"));
        }
        let records = kind_spec(target_side, &target.kind, &target.connection)?;
        let role = records.role(&policy.role).ok_or_else(|| {
            let known = records.roles.iter().map(|role| role.role.as_str()).collect::<Vec<_>>();
            lacks("role", policy.role.as_str(), &target.kind, &target.connection, &known)
        })?;
        let accounts = kind_spec(target_side, &role.people, &target.connection)?;
        if !records.verbs.contains(&Verb::Upsert) || !accounts.verbs.contains(&Verb::Upsert) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("connection `{}` does not take users and records under ids of ours", target.connection),
            )
            .hint("choose a target that does: rightful connectors"));
        }
        for gate in &activity.gates {
            if accounts.gates.iter().all(|known| known.name != gate) {
                let known: Vec<&str> = accounts.gates.iter().map(|gate| gate.name).collect();
                return Err(lacks("gate", gate, &accounts.kind, &target.connection, &known));
            }
        }
        written(activity.account.iter().map(|(field, _)| field), accounts, &target.connection)?;
        let mut objects: std::collections::BTreeMap<Kind, std::collections::BTreeSet<FieldName>> = std::collections::BTreeMap::new();
        for workflow in &activity.workflows {
            let spec = kind_spec(source_side, &workflow.object, &source.connection)?;
            let fields = objects.entry(workflow.object.clone()).or_default();
            for field in workflow.fields() {
                readable(field, spec, &source.connection)?;
                fields.insert(field.clone());
            }
            for figure in &workflow.figures {
                if let CodeFrom::Owner(role) = &figure.owner
                    && spec.role(role).is_none()
                {
                    let known = spec.roles.iter().map(|role| role.role.as_str()).collect::<Vec<_>>();
                    return Err(lacks("role", role.as_str(), &spec.kind, &source.connection, &known));
                }
                written(figure.set.iter().map(|(field, _)| field), records, &target.connection)?;
            }
        }
        let mut fields: Vec<FieldName> = Vec::new();
        for (_, from) in &activity.account {
            if let From::Field(field) = from {
                readable(field, people, &source.connection)?;
                if !fields.contains(field) {
                    fields.push(field.clone());
                }
            }
        }
        let by_id = |connection: &ConnectionName, kind: &Kind, fields| ImageSpec {
            connection: connection.clone(),
            kind: kind.clone(),
            fields,
            key: KeyName::fixed("id"),
        };
        Ok(Self {
            source: by_id(&source.connection, &source.kind, fields),
            target: by_id(&target.connection, &target.kind, Vec::new()),
            people: by_id(&target.connection, &accounts.kind, Vec::new()),
            owner_key: role.key.clone(),
            login_key: KeyName::fixed("email"),
            single: !role.many,
            longest: None,
            follows: Vec::new(),
            source_people: Vec::new(),
            code_names: None,
            activity: Some(ActivityLayout {
                objects: objects
                    .into_iter()
                    .map(|(kind, fields)| ObjectLayout { image: by_id(&source.connection, &kind, fields.into_iter().collect()) })
                    .collect(),
                people: accounts.kind.clone(),
                gates: accounts.gates.clone(),
            }),
        })
    }

    /// The image and the written role of a target kind.
    ///
    /// # Errors
    /// `Config` where the policy does not write that kind.
    pub fn target_image<'a>(&'a self, kind: &Kind, policy: &'a Policy) -> Result<(&'a ImageSpec, &'a Role)> {
        if *kind == self.target.kind {
            return Ok((&self.target, &policy.role));
        }
        if self.activity.as_ref().is_some_and(|activity| activity.people == *kind) {
            return Ok((&self.people, &policy.role));
        }
        self.follows.iter().find(|follow| follow.image.kind == *kind).map(|follow| (&follow.image, &follow.role)).ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("this integration no longer writes kind `{kind}`"))
                .hint(format!("add `{kind}` to `follow`, then try again"))
        })
    }
}

fn readable(field: &FieldName, spec: &KindSpec, connection: &ConnectionName) -> Result<()> {
    if spec.open_fields || spec.field(field).is_some() {
        return Ok(());
    }
    let known = spec.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>();
    Err(lacks("field", field.as_str(), &spec.kind, connection, &known))
}

/// Can these fields be written?
fn written<'a>(fields: impl Iterator<Item = &'a FieldName>, spec: &KindSpec, connection: &ConnectionName) -> Result<()> {
    for field in fields {
        if !spec.open_fields && spec.field(field).is_none_or(|spec| !spec.writable) {
            let known = spec.fields.iter().filter(|field| field.writable).map(|field| field.name.as_str()).collect::<Vec<_>>();
            let near = nearest(field.as_str(), known.iter().copied()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            return Err(Error::new(
                ErrorKind::Config,
                format!("kind `{}` of connection `{connection}` has no field `{field}` that can be written", spec.kind),
            )
            .hint(format!("{near}it has: {}", known.join(", "))));
        }
    }
    Ok(())
}

/// What a connection declares for a kind.
pub(crate) fn kind_spec<'a>(side: &'a dyn Connector, kind: &Kind, connection: &ConnectionName) -> Result<&'a KindSpec> {
    side.kinds().iter().find(|spec| spec.kind == *kind).ok_or_else(|| {
        let known = side.kinds().iter().map(|spec| spec.kind.as_str()).collect::<Vec<_>>().join(", ");
        Error::new(ErrorKind::Config, format!("connection `{connection}` has no kind `{kind}`")).hint(format!("it has: {known}"))
    })
}

fn image(connection: &ConnectionName, spec: &KindSpec) -> ImageSpec {
    let key = spec.keys.first().map_or(KeyName::fixed("id"), |key| key.name.clone());
    ImageSpec { connection: connection.clone(), kind: spec.kind.clone(), fields: Vec::new(), key }
}

fn declared_key(spec: &KindSpec, key: &KeyName, connection: &ConnectionName) -> Result<()> {
    if spec.key(key).is_some() {
        return Ok(());
    }
    let known = spec.keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>();
    Err(lacks("key", key.as_str(), &spec.kind, connection, &known))
}

fn lacks(what: &str, name: &str, kind: &Kind, connection: &ConnectionName, known: &[&str]) -> Error {
    Error::new(ErrorKind::Config, format!("kind `{kind}` of connection `{connection}` has no {what} `{name}`"))
        .hint(format!("it has: {}", known.join(", ")))
}
