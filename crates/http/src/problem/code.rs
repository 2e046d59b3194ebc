//! Every code a problem can have, and what `/problems/{code}` says of it.

use http::StatusCode;

macro_rules! codes {
    ($($code:ident $text:literal $status:ident $retry:ident $title:literal $page:literal;)*) => {
        /// What went wrong, for programs. A code's meaning never changes.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Code { $($code,)* }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => $text,)* }
            }

            pub fn status(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$status,)* }
            }

            /// Whether sending the same request again, with the same key, can help.
            pub fn retry(self) -> Retry {
                match self { $(Self::$code => Retry::$retry,)* }
            }

            pub fn title(self) -> &'static str {
                match self { $(Self::$code => $title,)* }
            }

            /// What it means, and what to do.
            pub fn page(self) -> &'static str {
                match self { $(Self::$code => $page,)* }
            }
        }
    };
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    Never,
    /// After a pause: `Retry-After`.
    SameKey,
}

impl Retry {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::SameKey => "same-key",
        }
    }
}

impl std::str::FromStr for Code {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(())
    }
}

codes! {
    InvalidArguments "invalid-arguments" BAD_REQUEST Never "The arguments do not fit the command"
        "`errors` lists every mistake: a JSON pointer into the arguments, and what is expected there. Correct them all and send the command again; the key is still free.";
    ArgumentsTooLarge "arguments-too-large" PAYLOAD_TOO_LARGE Never "The arguments are too large"
        "Put large content into an object store and its address into the command, or split the command.";
    GuardRefused "guard-refused" UNPROCESSABLE_ENTITY Never "A rule of the command refused it"
        "`guard` is the code of the `require` rule in the model that was false for the aggregate's present state, and `detail` its text. Read the aggregate and decide anew; the key is still free.";
    EvaluationFailed "evaluation-failed" UNPROCESSABLE_ENTITY Never "The command can't be evaluated"
        "An expression of the model has no value for these arguments and this state, for example because a sum overflows. `detail` says which. Nothing was done.";
    KeyReused "key-reused" UNPROCESSABLE_ENTITY Never "The idempotency key was used for another command"
        "One key stands for one command on one aggregate. If this is a new command, give it a new key. If it is a retry, send exactly what was sent first.";
    VersionMismatch "version-mismatch" PRECONDITION_FAILED Never "The aggregate has changed"
        "`If-Match` names an older version than this region has; the `ETag` of this answer is the current one. Read the document, decide anew, and send its `ETag`.";
    PreconditionRequired "precondition-required" PRECONDITION_REQUIRED Never "The field has several values"
        "Regions set this field at the same time, and its model says to keep all values until somebody decides. Read the document, whose `conflicts` lists them, and send the command with its `ETag` as `If-Match`.";
    AlreadyExists "already-exists" CONFLICT Never "There is such an aggregate already"
        "The command is for an id that is not in use.";
    NotFound "not-found" NOT_FOUND Never "There is no such aggregate"
        "No event of this id has reached this region. If you have just written it elsewhere, send the `Sterna-Token` of that answer, and the region waits for it.";
    Deleted "deleted" GONE Never "The aggregate was deleted"
        "Its history can still be read under `/events`.";
    BoundReached "bound-reached" CONFLICT Never "The bound of a counter is reached"
        "All regions together have fewer rights left than the command needs (`needed`), or the regions that have them could not be asked in time. `available` says what each region could still take when it was last heard. The key is still free: the same command may succeed once rights have moved, come back or been added.";
    HomeAway "home-away" SERVICE_UNAVAILABLE SameKey "The home of this type can't be reached"
        "Commands of this type are accepted in one region only, `home`, and this region could not hand the command over; `detail` says why. It may have had its effect: send it again with the same key, here or to the home itself. Reads, and commands of other types, go on.";
    RightsUnknown "rights-unknown" SERVICE_UNAVAILABLE SameKey "Rights of a counter are not known to be unspent"
        "This region began a new life of its store while the regions in `missing` were away. Until they answer it can't know whether it has spent its rights of the counter before, so it spends none. Try again, or send the command with the same key to another region.";
    AggregateTooLarge "aggregate-too-large" UNPROCESSABLE_ENTITY Never "The aggregate would be too large"
        "An aggregate has at most 1 MB. Remove what is not needed, or divide it into several aggregates.";
    Parked "parked" CONFLICT Never "The aggregate is parked"
        "An event of another region could not be applied to it, so it takes no commands until an operator has looked. All other aggregates go on.";
    VoidCause "void-cause" CONFLICT Never "The cause of this reaction has no effect"
        "Another region had accepted the cause's idempotency key first, so that neither the cause nor what it sends has an effect here. No client gets this answer.";
    BehindToken "behind-token" SERVICE_UNAVAILABLE SameKey "This region has not seen yet what you have seen"
        "What the `Sterna-Token` names has not arrived from the regions in `missing`. Wait and try again, ask for more time with `Prefer: wait=10`, ask a region that has it, or leave the token out and accept an older answer.";
    InvalidToken "invalid-token" BAD_REQUEST Never "This is no token"
        "Send the value of a `Sterna-Token` header unchanged, or no token.";
    ForeignToken "foreign-token" BAD_REQUEST Never "The token is of another cluster"
        "Its signature is of another cluster, or of another `secret`. Leave it out, and use the one that this cluster answers.";
    Overloaded "overloaded" TOO_MANY_REQUESTS SameKey "Too much is under way"
        "Nothing was done. Wait as long as `Retry-After` says, and send it again with the same key; slow down if it goes on.";
    NotAccepting "not-accepting" SERVICE_UNAVAILABLE SameKey "This region takes no commands now"
        "It is starting, stopping, or protects itself; `detail` says which. Send the command again with the same key, here or to another region.";
    DiskFull "disk-full" SERVICE_UNAVAILABLE SameKey "The disk is full"
        "Nothing was written. Reads go on. An operator must make room; other regions take commands.";
    Unavailable "unavailable" SERVICE_UNAVAILABLE SameKey "The store does not answer"
        "It is not known whether the command took effect. Send it again with the same key: it has one effect, whatever happened.";
    UnknownType "unknown-type" NOT_FOUND Never "There is no such aggregate type"
        "The model of this cluster, which `/openapi.json` shows, has no such type.";
    UnknownCommand "unknown-command" NOT_FOUND Never "There is no such command"
        "The aggregate's type, which `/openapi.json` shows, has no such command.";
    UnknownView "unknown-view" NOT_FOUND Never "There is no such view"
        "The model of this cluster, which `/openapi.json` shows, has no such view.";
    ViewBuilding "view-building" SERVICE_UNAVAILABLE SameKey "The view is being built for the first time"
        "It answers once it has caught up; `/v1/status` shows how far it is.";
    UnknownColumn "unknown-column" BAD_REQUEST Never "The view has no such column"
        "A filter is `column=value` or `column[gte]=value` (also `gt`, `lte`, `lt`).";
    InvalidFilter "invalid-filter" BAD_REQUEST Never "A filter can't be read"
        "A filter is `column=value` or `column[gte]=value` (also `gt`, `lte`, `lt`), with a value of the column's type.";
    NotIndexed "not-indexed" BAD_REQUEST Never "No index fits the filter"
        "A view is read in the order of one of its indexes (`indexes`): values for its first columns, and a range for the next. `wanted` is an index that would do; add it to the view in the model.";
    InvalidLimit "invalid-limit" BAD_REQUEST Never "The limit is not in range"
        "`limit` is a number from 1 to 1000.";
    InvalidCursor "invalid-cursor" BAD_REQUEST Never "This is no cursor of this list"
        "Send the `next` of the page before, or the last `id` of the feed, unchanged and with the same filters, or none to begin anew.";
    InvalidId "invalid-id" BAD_REQUEST Never "The id is not valid"
        "An id has 1 to 128 of `A-Z a-z 0-9 . _ ~ @ : + -`, and is neither `.` nor `..`.";
    InvalidKey "invalid-key" BAD_REQUEST Never "The idempotency key is not valid"
        "A key has 1 to 255 printable ASCII characters and no spaces. 128 random bits in hexadecimal are a good one.";
    KeyRequired "key-required" BAD_REQUEST Never "The line has no key"
        "Every line of a bulk request needs its `key`, so that the request can be sent again after a cut connection.";
    InvalidHeader "invalid-header" BAD_REQUEST Never "A header can't be read"
        "`detail` says which, and what it should look like.";
    InvalidPath "invalid-path" BAD_REQUEST Never "The path can't be read"
        "Percent-encoded parts must be UTF-8.";
    InvalidQuery "invalid-query" BAD_REQUEST Never "The query can't be read"
        "`detail` says which parameter is wrong or unknown.";
    InvalidLine "invalid-line" BAD_REQUEST Never "The line is no command"
        "A line is a JSON object `{\"type\",\"id\",\"command\",\"args\",\"key\",\"if_match\"?}`. It had no effect; the other lines are not concerned.";
    CutLine "cut-line" BAD_REQUEST Never "The last line was cut"
        "The body ended in the middle of this line, and it had no effect. Send it again, whole.";
    LineTooLarge "line-too-large" PAYLOAD_TOO_LARGE Never "The line is too large"
        "It had no effect; the other lines are not concerned.";
    BodyTooLarge "body-too-large" PAYLOAD_TOO_LARGE Never "The body is too large"
        "One command has at most 1 MB. Many commands go to `/v1/commands`, which has no bound but that of a line.";
    BodyCut "body-cut" BAD_REQUEST SameKey "The body was cut"
        "The connection ended, or paused for too long, before the body did. Nothing was done.";
    UnsupportedMediaType "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE Never "The content type is not the one expected"
        "Send commands as `application/json`, bulk requests as `application/x-ndjson`. With curl: `--json '{…}'`, or `-H 'content-type: application/x-ndjson' -T file`.";
    UnknownPath "unknown-path" NOT_FOUND Never "There is nothing at this path"
        "`/openapi.json` lists every path.";
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED Never "This path does not take this method"
        "`Allow` lists those that it takes.";
    InvalidRequest "invalid-request" BAD_REQUEST Never "This is no HTTP request"
        "The request line or a header can't be read, so the rest of the connection can't be, either; it is closed. HTTP/1.1 and, by prior knowledge, HTTP/2 are understood, without TLS.";
    TargetTooLong "target-too-long" URI_TOO_LONG Never "The path with its query is too long"
        "A request's path with its query has at most 64 kB, with its headers. Send large content in a body.";
    HeadTooLarge "head-too-large" REQUEST_HEADER_FIELDS_TOO_LARGE Never "The head of the request is too large"
        "A request's line and headers have at most 64 kB together, in at most 100 headers. A page's cookies may be what is too much.";
    NotReady "not-ready" SERVICE_UNAVAILABLE SameKey "The region should get no requests now"
        "`reasons` lists why. A load balancer sends clients elsewhere meanwhile.";
    UnknownPeer "unknown-peer" NOT_FOUND Never "There is no such peer"
        "`/v1/status` lists the regions of this cluster.";
    NotLost "not-lost" CONFLICT Never "The region answers"
        "A region is declared lost only while it is silent. Stop it, or cut its links, and ask again; what it accepts from then on is lost.";
    Internal "internal" INTERNAL_SERVER_ERROR SameKey "The service has a defect"
        "The request found a defect of the service, which the log describes under the `request_id`. If it was a command, send it again with the same key, so that it has one effect whatever happened.";
}
