//! The sites that are visited: packages on npm that ship a whole site, with photographs.
//!
//! Nothing of them lies in this repository. What their pages take from elsewhere (fonts,
//! icons, libraries) is served from here, too: it comes from npm in the same version, or
//! the nearest that is there, so that a visit asks for nothing beyond this machine.

use crate::install;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A package on npm, and its version.
type Package = (&'static str, &'static str);

/// A site.
pub(super) struct Site {
    /// Its folder at the origin, and the word for it here.
    pub(super) name: &'static str,
    package: Package,
    /// Where in the package its documents lie.
    folder: &'static str,
    /// What is written in its documents, and what stands there instead.
    changes: &'static [(&'static str, &'static str)],
    /// What every page says that it will need, in `Link`.
    pub(super) style: &'static str,
    pub(super) pages: &'static [Page],
}

/// A page of a site.
pub(super) struct Page {
    pub(super) name: &'static str,
    /// Below the folder of the site.
    pub(super) path: &'static str,
    pub(super) uses: &'static [Use],
}

/// What a visitor does with a page: something changes then.
pub(super) struct Use {
    pub(super) name: &'static str,
    /// The viewport in which it is done.
    pub(super) viewport: &'static str,
    /// The element that is clicked.
    pub(super) click: &'static str,
}

/// Two versions of a file, for shared dictionaries.
pub(super) struct Versions {
    pub(super) name: &'static str,
    package: &'static str,
    versions: [&'static str; 2],
    /// The file in the package.
    file: &'static str,
    /// What is true in a page in which the newer one works.
    pub(super) works: &'static str,
}

const MENU: Use = Use { name: "open the menu", viewport: "phone", click: ".navbar-toggler" };

/// The libraries of all three.
const BOOTSTRAP: (&str, &str) =
    ("https://cdn.jsdelivr.net/npm/bootstrap@5.2.3/dist/js/", "/vendor/bootstrap/dist/js/");
const AWESOME: (&str, &str) = (
    "https://use.fontawesome.com/releases/v6.3.0/js/",
    "/vendor/@fortawesome/fontawesome-free/js/",
);
/// Sends a form to a service, and is not on npm.
const FORMS: (&str, &str) =
    ("<script src=\"https://cdn.startbootstrap.com/sb-forms-latest.js\"></script>", "");

pub(super) const SITES: [Site; 4] = [
    Site {
        name: "agency",
        package: ("startbootstrap-agency", "7.0.12"),
        folder: "dist",
        changes: &[
            BOOTSTRAP,
            AWESOME,
            FORMS,
            ("https://fonts.googleapis.com/css?family=Montserrat:400,700", "/fonts/montserrat.css"),
            (
                "https://fonts.googleapis.com/css?family=Roboto+Slab:400,100,300,700",
                "/fonts/roboto-slab.css",
            ),
        ],
        style: "css/styles.css",
        pages: &[Page {
            name: "agency",
            path: "",
            uses: &[
                MENU,
                Use {
                    name: "open a picture's dialog",
                    viewport: "desktop",
                    click: "a[href='#portfolioModal1']",
                },
            ],
        }],
    },
    Site {
        name: "creative",
        package: ("startbootstrap-creative", "7.0.7"),
        folder: "dist",
        changes: &[
            BOOTSTRAP,
            FORMS,
            (
                "https://cdn.jsdelivr.net/npm/bootstrap-icons@1.5.0/font/",
                "/vendor/bootstrap-icons/font/",
            ),
            (
                "https://cdnjs.cloudflare.com/ajax/libs/SimpleLightbox/2.1.0/simpleLightbox",
                "/vendor/simplelightbox/dist/simple-lightbox",
            ),
            (
                "https://fonts.googleapis.com/css?family=Merriweather+Sans:400,700",
                "/fonts/merriweather-sans.css",
            ),
            (
                "https://fonts.googleapis.com/css?family=Merriweather:400,300,300italic,400italic,700,700italic",
                "/fonts/merriweather.css",
            ),
        ],
        style: "css/styles.css",
        pages: &[Page {
            name: "creative",
            path: "",
            uses: &[
                MENU,
                Use {
                    name: "open a picture",
                    viewport: "desktop",
                    click: "#portfolio a.portfolio-box",
                },
            ],
        }],
    },
    Site {
        name: "clean-blog",
        package: ("startbootstrap-clean-blog", "6.0.9"),
        folder: "dist",
        changes: &[
            BOOTSTRAP,
            AWESOME,
            FORMS,
            (
                "https://fonts.googleapis.com/css?family=Lora:400,700,400italic,700italic",
                "/fonts/lora.css",
            ),
            (
                "https://fonts.googleapis.com/css?family=Open+Sans:300italic,400italic,600italic,700italic,800italic,400,300,600,700,800",
                "/fonts/open-sans.css",
            ),
        ],
        style: "css/styles.css",
        pages: &[
            Page {
                name: "blog, index",
                path: "index.html",
                uses: &[Use {
                    name: "follow a link",
                    viewport: "desktop",
                    click: "#mainNav a[href='about.html']",
                }],
            },
            Page { name: "blog, post", path: "post.html", uses: &[MENU] },
        ],
    },
    Site {
        name: "sb-admin-2",
        package: ("startbootstrap-sb-admin-2", "4.1.4"),
        folder: "",
        changes: &[
            (
                "https://fonts.googleapis.com/css?family=Nunito:200,200i,300,300i,400,400i,600,600i,700,700i,800,800i,900,900i",
                "/fonts/nunito.css",
            ),
            ("https://source.unsplash.com/Mv9hjnEUHR4/60x60", "img/undraw_profile_1.svg"),
        ],
        style: "css/sb-admin-2.min.css",
        pages: &[Page {
            name: "dashboard",
            path: "index.html",
            uses: &[
                Use { name: "open what is new", viewport: "desktop", click: "#alertsDropdown" },
                Use { name: "fold the sidebar", viewport: "desktop", click: "#sidebarToggle" },
                Use { name: "hide the sidebar", viewport: "phone", click: "#sidebarToggleTop" },
            ],
        }],
    },
];

/// What is served below `/vendor`.
const VENDORED: [Package; 4] = [
    ("bootstrap", "5.2.3"),
    ("@fortawesome/fontawesome-free", "6.3.0"),
    ("bootstrap-icons", "1.5.0"),
    ("simplelightbox", "2.1.3"),
];

/// The version of all fonts of `@fontsource`.
const FONTS_VERSION: &str = "5.3.0";

/// The fonts, and the style sheets of each that are joined to `/fonts/NAME.css`.
const FONTS: [(&str, &[&str]); 7] = [
    ("montserrat", &["400", "700"]),
    ("roboto-slab", &["100", "300", "400", "700"]),
    ("merriweather-sans", &["400", "700"]),
    ("merriweather", &["300", "300-italic", "400", "400-italic", "700", "700-italic"]),
    ("lora", &["400", "400-italic", "700", "700-italic"]),
    ("open-sans", &["300", "300-italic", "400", "400-italic", "600", "700", "800"]),
    ("nunito", &["300", "400", "600", "700", "800"]),
];

pub(super) const VERSIONS: [Versions; 2] = [
    Versions {
        name: "jquery 3.6.4, 3.7.1",
        package: "jquery",
        versions: ["3.6.4", "3.7.1"],
        file: "dist/jquery.js",
        works: "jQuery.fn.jquery === '3.7.1' && jQuery('<p>a</p>').text() === 'a'",
    },
    Versions {
        name: "bootstrap 5.3.2, 5.3.3, css",
        package: "bootstrap",
        versions: ["5.3.2", "5.3.3"],
        file: "dist/css/bootstrap.css",
        works: "getComputedStyle(document.body).getPropertyValue('--bs-blue') === '#0d6efd'",
    },
];

impl Versions {
    /// The paths of the older one and of the newer one at the origin.
    pub(super) fn paths(&self) -> [String; 2] {
        let ending = self.file.rsplit_once('.').map_or("", |(_, ending)| ending);
        self.versions.map(|version| format!("/versions/{}-{version}.{ending}", self.package))
    }
}

/// Puts all sites into `folder`, as an origin serves them.
pub(super) fn assemble(workspace: &Workspace, folder: &Path) -> Result<()> {
    for below in ["vendor/@fortawesome", "fonts", "versions"] {
        fs::create_dir_all(folder.join(below)).context("making a folder of the origin")?;
    }
    for site in &SITES {
        let modules = install::npm_package(workspace, site.package.0, site.package.1)?;
        let from = modules.join(site.package.0).join(site.folder);
        copy(&from, &folder.join(site.name), site.changes)
            .with_context(|| format!("copying {}", site.package.0))?;
    }
    for (package, version) in VENDORED {
        let modules = install::npm_package(workspace, package, version)?;
        link(&modules.join(package), &folder.join("vendor").join(package))?;
    }
    for (name, parts) in FONTS {
        let package = format!("@fontsource/{name}");
        let from = install::npm_package(workspace, &package, FONTS_VERSION)?.join(&package);
        let mut joined = String::new();
        for part in parts {
            let file = from.join(format!("{part}.css"));
            let text =
                fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            joined.push_str(&text.replace("./files/", &format!("{name}/")));
        }
        fs::write(folder.join(format!("fonts/{name}.css")), joined).context("writing a font")?;
        link(&from.join("files"), &folder.join("fonts").join(name))?;
    }
    fs::write(folder.join("versions/index.html"), "<!doctype html><title>versions</title><p>a")
        .context("writing a page")?;
    for one in &VERSIONS {
        for (version, path) in one.versions.iter().zip(one.paths()) {
            let modules = install::npm_package(workspace, one.package, version)?;
            let file = modules.join(one.package).join(one.file);
            link(&file, &folder.join(path.trim_start_matches('/')))?;
        }
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> Result<()> {
    symlink(from, to).with_context(|| format!("linking {}", to.display()))
}

/// Copies a folder, with changes in its documents.
fn copy(from: &Path, to: &Path, changes: &[(&str, &str)]) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&path, &to, changes)?;
        } else if path.extension().is_some_and(|ending| ending == "html") {
            let text = changed(&fs::read_to_string(&path)?, changes);
            if let Some(elsewhere) = elsewhere(&text) {
                bail!("{} asks for {elsewhere}, which is elsewhere", path.display());
            }
            fs::write(to, text)?;
        } else {
            fs::copy(&path, &to)?;
        }
    }
    Ok(())
}

fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The first thing that a document asks another host for: links that are followed by
/// clicks are none.
fn elsewhere(text: &str) -> Option<&str> {
    let tags = text.split('<').filter(|tag| {
        let name = tag.split(|c: char| c.is_whitespace() || c == '>').next();
        matches!(name, Some("script" | "link" | "img" | "iframe" | "source"))
    });
    let mut values = tags.flat_map(|tag| {
        let values = tag.split(" src=\"").skip(1).chain(tag.split(" href=\"").skip(1));
        values.filter_map(|value| value.split('"').next())
    });
    values.find(|value| value.starts_with("http") || value.starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_elsewhere_is_found() {
        for (bad, host) in [
            ("<script src=\"https://a.example/b.js\"></script>", "https://a.example/b.js"),
            ("<link rel=\"stylesheet\" href=\"//a.example/c\" />", "//a.example/c"),
            ("<img class=\"x\"\n src=\"http://a.example/d\">", "http://a.example/d"),
        ] {
            assert_eq!(elsewhere(bad), Some(host), "{bad}");
        }
        for good in ["", "<a href=\"https://a.example\">a</a>", "<img src=\"a.png\">"] {
            assert_eq!(elsewhere(good), None, "{good}");
        }
    }

    #[test]
    fn versions_differ_only_in_their_numbers() {
        let paths = VERSIONS[0].paths();
        assert_eq!(paths, ["/versions/jquery-3.6.4.js", "/versions/jquery-3.7.1.js"]);
    }

    #[test]
    fn every_use_is_of_a_viewport_that_there_is() {
        let uses = SITES.iter().flat_map(|site| site.pages).flat_map(|page| page.uses);
        let known = super::super::plan::VIEWPORTS.map(|viewport| viewport.name);
        for one in uses {
            assert!(known.contains(&one.viewport), "{}", one.name);
        }
    }
}
