BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE answer (
	project INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	item TEXT NOT NULL, 
	person TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	value TEXT NOT NULL, 
	lane TEXT, 
	round INTEGER, 
	until BIGINT, 
	PRIMARY KEY (project, seq), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "answer" VALUES(1,3,'a','p_ann','answered','"cat"',NULL,NULL,4);
INSERT INTO "answer" VALUES(1,4,'a','p_ann','answered','"dog"',NULL,NULL,NULL);
INSERT INTO "answer" VALUES(1,5,'b','p_ann','skipped','null',NULL,NULL,9);
INSERT INTO "answer" VALUES(1,6,'c','p_bob','answered','"cat"',NULL,NULL,NULL);
INSERT INTO "answer" VALUES(1,7,'c','p_ann','answered','"cow"',NULL,NULL,8);
INSERT INTO "answer" VALUES(1,10,'b','p_bob','skipped','null',NULL,NULL,NULL);
CREATE TABLE attempt (
	"key" TEXT NOT NULL, 
	uses INTEGER NOT NULL, 
	since BIGINT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE content (
	project INTEGER NOT NULL, 
	"row" BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (project, "row"), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "content" VALUES(1,0,'text','{"text":"a"}');
INSERT INTO "content" VALUES(1,1,'text','{"text":"b"}');
INSERT INTO "content" VALUES(1,2,'text','{"text":"c"}');
INSERT INTO "content" VALUES(1,3,'text','{"text":"d"}');
CREATE TABLE decision (
	project INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	item TEXT NOT NULL, 
	person TEXT NOT NULL, 
	value TEXT NOT NULL, 
	until BIGINT, 
	PRIMARY KEY (project, seq), 
	FOREIGN KEY(project) REFERENCES project (number)
);
CREATE TABLE head (
	project INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	hash TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	PRIMARY KEY (project), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "head" VALUES(1,11,'d5f281f8610e5a27f7147c4ee7359b2b06a7be731e680519555392181bda2553',4);
CREATE TABLE item (
	project INTEGER NOT NULL, 
	"row" BIGINT NOT NULL, 
	id TEXT NOT NULL, 
	state TEXT DEFAULT 'unlabelled' NOT NULL, 
	u_eval FLOAT NOT NULL, 
	u_control FLOAT NOT NULL, 
	copies INTEGER DEFAULT '1' NOT NULL, 
	"group" TEXT, 
	cost FLOAT, 
	PRIMARY KEY (project, "row"), 
	UNIQUE (project, id), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "item" VALUES(1,0,'a','labelled',0.0,1.0,1,NULL,NULL);
INSERT INTO "item" VALUES(1,1,'b','skipped',0.1,0.9,1,NULL,NULL);
INSERT INTO "item" VALUES(1,2,'c','labelled',0.2,0.8,1,NULL,NULL);
INSERT INTO "item" VALUES(1,3,'d','withdrawn',0.3,0.7,1,NULL,NULL);
CREATE TABLE job (
	project INTEGER NOT NULL, 
	step TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	heartbeat_at BIGINT NOT NULL, 
	PRIMARY KEY (project, step), 
	FOREIGN KEY(project) REFERENCES project (number)
);
CREATE TABLE lease (
	id TEXT NOT NULL, 
	project INTEGER NOT NULL, 
	item TEXT NOT NULL, 
	person TEXT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	lane TEXT NOT NULL, 
	round INTEGER NOT NULL, 
	rank INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (project, item, person), 
	FOREIGN KEY(project) REFERENCES project (number)
);
CREATE TABLE ledger (
	project INTEGER NOT NULL, 
	seq BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	v INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	actor TEXT NOT NULL, 
	body TEXT NOT NULL, 
	prev TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (project, seq), 
	UNIQUE (project, "key"), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "ledger" VALUES(1,1,'pool_imported',1,'import/1',1795360900571599,'engine','{"added":4,"duplicates":0,"fingerprint":"1111111111111111","items":"3606507353b7683551e3e53535f14d69eae46f428e875f89d548e1a0918b2e11","rejected":null,"rejected_count":0,"reserve":0.0,"role":"pool","size":4,"source":"made"}','0000000000000000000000000000000000000000000000000000000000000000','b099a624f1873cdfbca99afb607348d56a87788b89150d33d00536f30739ec71');
INSERT INTO "ledger" VALUES(1,2,'batch_selected',1,'r0/select/0',1795360901157190,'engine','{"asked":4,"chosen":4,"dataset":null,"evidence":{},"features":null,"items":["a","b","c","d"],"lanes":{},"model":null,"opinions":2,"part":0,"pending":null,"picks":"e25ddb12044ba3ca53277842a2e94d125bc165a496d3208a56861a03ee09aaf5","pool":"","round":0,"short":0,"strategy":{},"strategy_hash":"0000000000000000","through_seq":1}','b099a624f1873cdfbca99afb607348d56a87788b89150d33d00536f30739ec71','e39a4449776ba5f688551e12055076eb28744e69839649a3c24c88764db1dd4e');
INSERT INTO "ledger" VALUES(1,3,'answer_submitted',1,'key 2',1795360901197169,'p_ann','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"a","lane":null,"model":null,"outcome":"answered","reason":null,"replaces":null,"round":null,"shown":null,"source":"ui","task":"single_label","value":"cat"}','e39a4449776ba5f688551e12055076eb28744e69839649a3c24c88764db1dd4e','b4cdb5d65de159340e2c8a25841569509d1d3ebecd74bdf85001a1a5d28044d6');
INSERT INTO "ledger" VALUES(1,4,'answer_submitted',1,'key 3',1795360901227712,'p_ann','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"a","lane":null,"model":null,"outcome":"answered","reason":null,"replaces":3,"round":null,"shown":null,"source":"ui","task":"single_label","value":"dog"}','b4cdb5d65de159340e2c8a25841569509d1d3ebecd74bdf85001a1a5d28044d6','62a322ade78aea76f32c9ec21835704b6598cea86e91574daa28aa8696ccf82a');
INSERT INTO "ledger" VALUES(1,5,'answer_submitted',1,'key 4',1795360901246208,'p_ann','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"b","lane":null,"model":null,"outcome":"skipped","reason":null,"replaces":null,"round":null,"shown":null,"source":"ui","task":"single_label","value":null}','62a322ade78aea76f32c9ec21835704b6598cea86e91574daa28aa8696ccf82a','758c5ec4f7e503235a3eb05ec90a790998d6553b8c8a1487a88c295d92e9ad36');
INSERT INTO "ledger" VALUES(1,6,'answer_submitted',1,'key 5',1795360901259955,'p_bob','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"c","lane":null,"model":null,"outcome":"answered","reason":null,"replaces":null,"round":null,"shown":null,"source":"ui","task":"single_label","value":"cat"}','758c5ec4f7e503235a3eb05ec90a790998d6553b8c8a1487a88c295d92e9ad36','f590d99ca6edbab42d0f7c93b494b24de7d5f01b9e63a8dd2941d653d5f1e870');
INSERT INTO "ledger" VALUES(1,7,'answer_submitted',1,'key 6',1795360901268424,'p_ann','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"c","lane":null,"model":null,"outcome":"answered","reason":null,"replaces":null,"round":null,"shown":null,"source":"ui","task":"single_label","value":"cow"}','f590d99ca6edbab42d0f7c93b494b24de7d5f01b9e63a8dd2941d653d5f1e870','3655f6dc5f7b5317010eeb8084e697028e2c017487552a12fdb1747a28be427a');
INSERT INTO "ledger" VALUES(1,8,'answer_withdrawn',1,'undo',1795360901287680,'p_ann','{"answer":7,"reason":"undo"}','3655f6dc5f7b5317010eeb8084e697028e2c017487552a12fdb1747a28be427a','939f9d73d5b6aad7ac0551d9ea1f640f71a43fc4a73cdfeb8a84a4c3edaed876');
INSERT INTO "ledger" VALUES(1,9,'answer_withdrawn',1,'again',1795360901303617,'p_ann','{"answer":5,"reason":"undo"}','939f9d73d5b6aad7ac0551d9ea1f640f71a43fc4a73cdfeb8a84a4c3edaed876','7a7a65aa098bb5bdec4c60a76a395276dbd134b5ef5d35179be107bd876a35ef');
INSERT INTO "ledger" VALUES(1,10,'answer_submitted',1,'key 9',1795360901313541,'p_bob','{"active_ms":null,"bulk":false,"confidence":null,"guideline":null,"item":"b","lane":null,"model":null,"outcome":"skipped","reason":null,"replaces":null,"round":null,"shown":null,"source":"ui","task":"single_label","value":null}','7a7a65aa098bb5bdec4c60a76a395276dbd134b5ef5d35179be107bd876a35ef','eb4993d85f5c3d4acbb374f51c9bda26e07e953a8f5505a885076bc4dcbd0b06');
INSERT INTO "ledger" VALUES(1,11,'item_withdrawn',1,'gone',1795360901320346,'p_ann','{"erased":false,"item":"d","reason":"broken"}','eb4993d85f5c3d4acbb374f51c9bda26e07e953a8f5505a885076bc4dcbd0b06','d5f281f8610e5a27f7147c4ee7359b2b06a7be731e680519555392181bda2553');
CREATE TABLE person (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	email TEXT, 
	password TEXT, 
	role TEXT NOT NULL, 
	must_change_password BOOLEAN NOT NULL, 
	active BOOLEAN NOT NULL, 
	created BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "person" VALUES('p_47f86f2b41fc3099','ann',NULL,'$argon2id$v=19$m=65536,t=3,p=4$L8GgVK+bv7F+gxoNXd/yOw$+E8I8+CQqgJchYpi8h4ZAIGni9xadHZX3P9npGT3D+Y','annotator',0,1,1795360902786015);
CREATE TABLE pick (
	project INTEGER NOT NULL, 
	item TEXT NOT NULL, 
	seq BIGINT NOT NULL, 
	round INTEGER NOT NULL, 
	lane TEXT NOT NULL, 
	rank INTEGER NOT NULL, 
	score FLOAT, 
	probability FLOAT, 
	PRIMARY KEY (project, item, seq), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "pick" VALUES(1,'a',2,0,'query',0,0.5,NULL);
INSERT INTO "pick" VALUES(1,'b',2,0,'query',1,0.5,NULL);
INSERT INTO "pick" VALUES(1,'c',2,0,'query',2,0.5,NULL);
INSERT INTO "pick" VALUES(1,'d',2,0,'query',3,0.5,NULL);
CREATE TABLE project (
	number INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created BIGINT NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (id), 
	UNIQUE (name)
);
INSERT INTO "project" VALUES(1,'036f7722-d75e-4c42-ba44-7b0f9750ce25','old',1795360900084879);
CREATE TABLE queue (
	project INTEGER NOT NULL, 
	item TEXT NOT NULL, 
	round INTEGER NOT NULL, 
	part INTEGER NOT NULL, 
	rank INTEGER NOT NULL, 
	lane TEXT NOT NULL, 
	score FLOAT, 
	wanted INTEGER NOT NULL, 
	opinions_left INTEGER NOT NULL, 
	PRIMARY KEY (project, item), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "queue" VALUES(1,'c',0,0,2,'query',0.5,2,1);
INSERT INTO "queue" VALUES(1,'b',0,0,1,'query',0.5,2,1);
INSERT INTO "queue" VALUES(1,'a',0,0,0,'query',0.5,2,1);
CREATE TABLE round (
	project INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	selected BIGINT, 
	frozen BIGINT, 
	trained BIGINT, 
	evaluated BIGINT, 
	asked INTEGER NOT NULL, 
	chosen INTEGER NOT NULL, 
	dataset TEXT, 
	model TEXT, 
	PRIMARY KEY (project, round), 
	FOREIGN KEY(project) REFERENCES project (number)
);
INSERT INTO "round" VALUES(1,0,2,NULL,NULL,NULL,4,4,NULL,NULL);
CREATE TABLE session (
	hash BLOB NOT NULL, 
	person TEXT NOT NULL, 
	csrf TEXT NOT NULL, 
	by_link BOOLEAN NOT NULL, 
	created BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (hash), 
	FOREIGN KEY(person) REFERENCES person (id)
);
CREATE TABLE token (
	hash BLOB NOT NULL, 
	person TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created BIGINT NOT NULL, 
	expires_at BIGINT, 
	PRIMARY KEY (hash), 
	FOREIGN KEY(person) REFERENCES person (id)
);
CREATE INDEX ledger_by_kind ON ledger (project, kind, seq);
CREATE INDEX item_by_state ON item (project, state, "row") WHERE state != 'unlabelled';
CREATE INDEX answer_by_item ON answer (project, item, person);
CREATE INDEX decision_by_item ON decision (project, item);
CREATE INDEX queue_by_place ON queue (project, round, part, rank) WHERE opinions_left > 0;
CREATE INDEX lease_by_person ON lease (project, person);
CREATE INDEX ix_session_person ON session (person);
CREATE INDEX ix_token_person ON token (person);
CREATE TRIGGER ledger_is_never_updated BEFORE UPDATE ON ledger
       BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: a correction is a new event'); END;
CREATE TRIGGER ledger_is_never_deleted BEFORE DELETE ON ledger
       BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: nothing is deleted'); END;
CREATE TRIGGER ledger_is_never_replaced BEFORE INSERT ON ledger
       WHEN EXISTS (SELECT 1 FROM ledger WHERE project = NEW.project AND (seq = NEW.seq OR key = NEW.key))
       BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: nothing is replaced'); END;
COMMIT;
