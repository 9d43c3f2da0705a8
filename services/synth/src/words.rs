//! Words: what prose, names and paths are put together from, the most frequent first. Depends on nothing.

/// English as it is written about programs, roughly by frequency.
pub(crate) const ENGLISH: &str = "the to a is of in and that it this for with on be not as I we if are \
but when should have can you from an or by was at so will would there which do go error code test \
use type function only what build has then value package more file does all see any one no like some \
time could case call change need run get make because about than new also how same just they line fix \
problem work other set version after into where before issue output data now even first used without \
return two string check way still default find using name every here read support think patch add \
command since instead server write add client pointer memory example user point path why memory list \
these fails currently whether might must while them its sure actually between result behavior want \
compiler runtime goroutine channel interface method struct slice map field argument variable import \
module request response header connection buffer byte bytes cache lock race deadlock crash panic trace \
stack heap garbage collector allocation escape analysis inline register instruction platform windows \
linux darwin arm64 amd64 syscall kernel process thread signal timeout deadline context cancel retry \
branch commit merge revert release backport proposal documentation comment review reviewer benchmark \
performance regression latency throughput faster slower flaky failing passed reproduce reproducer \
expected observed report attached screenshot log message warning vet lint format parser scanner token \
syntax grammar generic constraint inference instantiate template encoding decoding json xml protobuf \
http tls certificate handshake socket listener dial resolver address network proxy redirect cookie \
session database query driver transaction column row table index key hash digest signature verify \
random secure crypto cipher padding block stream reader writer closer copy flush close open create \
remove rename directory permission symlink archive compress inflate image pixel colour font layout \
mobile desktop browser script editor plugin protocol workspace diagnostics completion definition \
reference symbol rename extract refactor upgrade downgrade dependency checksum mirror vendor toolchain";

/// Rarer words, met now and then.
pub(crate) const RARE: &str = "nevertheless arguably unfortunately presumably ostensibly idempotent \
monotonic quiescent ergonomic orthogonal pathological surprising gnarly subtle conservative aggressive \
unsound invariant precondition postcondition contention starvation livelock backoff jitter watermark \
compaction coalescing speculative prefetch alignment endianness sentinel trampoline thunk prologue \
epilogue spill rematerialize devirtualize monomorphize stenciling dictionary bootstrapping sysroot \
cross-compile linker relocation dwarf unwinder coredump hugepage madvise epoll kqueue io_uring futex";

/// What is not ASCII, as people write it; and what looks like a record's header but is none.
pub(crate) const FOREIGN: &[&str] = &[
    "naïve",
    "café",
    "résumé",
    "über",
    "世界",
    "你好",
    "こんにちは",
    "привет",
    "👍",
    "🎉",
    "🚀",
    "→",
    "≤",
    "“quoted”",
    "façade",
    "Zürich",
    "REC@0+5=hello",
];

/// Syllables of logins and family names.
pub(crate) const SYLLABLES: &[&str] = &[
    "an", "ba", "cor", "da", "el", "fi", "gra", "hu", "is", "jo", "ka", "lin", "mo", "na", "or",
    "pe", "qui", "ros", "sa", "ti", "ul", "vi", "wen", "xi", "ya", "zo", "ber", "chen", "dor",
    "mar", "sto", "ley",
];

/// Given names.
pub(crate) const GIVEN: &[&str] = &[
    "Alice", "Bob", "Carol", "Dmitri", "Elena", "Farid", "Grace", "Hana", "Igor", "José", "Kim",
    "Lucía", "Marek", "Nia", "Olu", "Priya", "Quentin", "Rosa", "Søren", "Tomás", "Uma", "Viktor",
    "Wei", "Ximena", "Yuki", "Zoë",
];

/// Names of repositories and projects; further ones get a number.
pub(crate) const REPOSITORIES: &[&str] = &[
    "go",
    "tools",
    "build",
    "net",
    "crypto",
    "text",
    "sys",
    "vscode-go",
    "website",
    "exp",
    "mobile",
    "image",
    "sync",
    "time",
    "oauth2",
    "pkgsite",
    "mod",
    "term",
    "vuln",
    "arch",
    "blog",
    "debug",
    "example",
    "lint",
    "perf",
    "playground",
    "protobuf",
    "review",
    "talks",
    "tour",
];

/// The labels that a repository has.
pub(crate) const LABELS: &[&str] = &[
    "NeedsFix",
    "NeedsInvestigation",
    "NeedsDecision",
    "WaitingForInfo",
    "Proposal",
    "Proposal-Accepted",
    "Documentation",
    "help wanted",
    "FrozenDueToAge",
    "Performance",
    "Testing",
    "Builders",
    "OS-Windows",
    "OS-Darwin",
    "arch-arm64",
    "Security",
    "release-blocker",
    "early-in-cycle",
    "okay-after-beta1",
    "compiler/runtime",
    "gopls",
    "modules",
    "Soon",
    "good first issue",
];

/// Packages that titles and paths name.
pub(crate) const PACKAGES: &[&str] = &[
    "net/http",
    "cmd/go",
    "runtime",
    "cmd/compile",
    "os",
    "encoding/json",
    "crypto/tls",
    "x/tools/gopls",
    "reflect",
    "time",
    "database/sql",
    "cmd/link",
    "go/types",
    "testing",
    "sync",
    "io/fs",
    "math/big",
    "path/filepath",
    "cmd/vet",
    "html/template",
    "syscall",
    "internal/poll",
    "text/template",
    "bufio",
];
