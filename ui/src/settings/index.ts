// The parts of the settings: each keeps what is half written in it, whatever else is saved meanwhile.
import type { Project } from "../api";

export interface PartProps {
  project: Project;
  manages: boolean;
  /** The project as it is now. */
  onChange: (changed: Project) => void;
}
