import { posix } from "node:path";

/**
 * What makes `uv run` work without the network against an environment that is there: it downloads nothing, leaves the
 * environment as it is, and finds its interpreters where the user's own uv has put them. Its cache, which it must be
 * able to write, is the run's own, below its home.
 *
 * Source: uv's reference of environment variables (UV_OFFLINE, UV_NO_SYNC, UV_PYTHON_DOWNLOADS, UV_PYTHON_INSTALL_DIR,
 * UV_PROJECT_ENVIRONMENT).
 *
 * @param may what the command may do: reach the network, and change the environment (a setup).
 */
export function uvVariables(
  home: string,
  user: Record<string, string | undefined>,
  may: { network: boolean; write: boolean },
): Record<string, string> {
  const env: Record<string, string> = { UV_PYTHON_INSTALL_DIR: pythonsOfUv(home, user) };
  if (!may.network) Object.assign(env, { UV_OFFLINE: "1", UV_PYTHON_DOWNLOADS: "never" });
  if (!may.write) env.UV_NO_SYNC = "1";
  if (user.UV_PROJECT_ENVIRONMENT !== undefined) env.UV_PROJECT_ENVIRONMENT = user.UV_PROJECT_ENVIRONMENT;
  return env;
}

/** Where uv keeps the interpreters that it has downloaded. */
export function pythonsOfUv(home: string, user: Record<string, string | undefined>): string {
  const data = user.XDG_DATA_HOME ?? posix.join(home, ".local/share");
  return user.UV_PYTHON_INSTALL_DIR ?? posix.join(data, "uv/python");
}
